using System.ComponentModel.DataAnnotations;
using Broker.Coordination.Etcd;
using Broker.Machines.Cluster;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Broker.Node.Configuration;

/// <summary>
/// The cluster that the node is of, section <c>Cluster</c> (<c>BROKER_CLUSTER__ETCD</c>, and for some of them <c>--cluster-etcd</c>). Without an etcd the node is by itself. Those of
/// placement are the same on all nodes.
/// </summary>
internal sealed class ClusterOptions
{
    private const int MaxShards = 4096;
    private const int MaxReplicas = 15;
    private static readonly PlacementOptions s_placement = new();

    /// <summary>Whether the node is one of a cluster. Default: if <see cref="Etcd"/> is given.</summary>
    public bool? Enabled { get; set; }

    /// <summary>Addresses of etcd's members, such as <c>https://etcd-1.example:2379</c>, separated by commas; in a file also a list. Default: none.</summary>
    public string? Etcd { get; set; }

    /// <summary>What all keys of this cluster begin with in etcd, with a slash at the end. Default <c>broker/</c>.</summary>
    [Required]
    public string EtcdPrefix { get; set; } = "broker/";

    /// <summary>File with the authorities that may sign etcd's certificate, PEM. Default: whom the machine trusts.</summary>
    public string? EtcdCa { get; set; }

    /// <summary>File with the certificate that the node shows to etcd, PEM. Default: none.</summary>
    public string? EtcdCertificate { get; set; }

    /// <summary>File with its private key, PEM.</summary>
    public string? EtcdKey { get; set; }

    /// <summary>Name of the cluster; nodes of another one are refused. Default <c>broker</c>.</summary>
    [RegularExpression("[A-Za-z0-9._-]{1,64}", ErrorMessage = "Cluster:Name must be 1 to 64 letters, digits, dots, dashes or underscores.")]
    public string Name { get; set; } = "broker";

    /// <summary>Where other nodes and clients reach this one, as <c>host:port</c>, best first, separated by commas; in a file also a list. Default: where it listens, or the host's name.</summary>
    public string? Advertise { get; set; }

    /// <summary>What fails together with this node, such as a rack. Default: none, which is a zone like any other.</summary>
    [StringLength(NodeRegistration.MaxTextLength, ErrorMessage = "Cluster:Zone must have at most 256 characters.")]
    public string Zone { get; set; } = "";

    /// <summary>How long a node that is not heard of counts as alive where no link says otherwise. Default 5 s; 2 s to 60 s.</summary>
    public TimeSpan LeaseTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long an orderly stop waits for others to lead what this node leads. Default 10 s; zero to 15 s, which leaves the rest of the stop its time.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Number of shards, fixed when the cluster begins. Default 64; 1 to 4,096.</summary>
    [Range(1, MaxShards)]
    public int Shards { get; set; } = s_placement.Shards;

    /// <summary>Replicas of each shard. Default 3; 1 to 15. With fewer nodes, as many as nodes.</summary>
    [Range(1, MaxReplicas)]
    public int Replicas { get; set; } = s_placement.Replicas;

    /// <summary>Replicas that have what is confirmed, at least. Default 2, or 1 with one replica; 1 to <see cref="Replicas"/>.</summary>
    [Range(1, MaxReplicas)]
    public int? MinInSync { get; set; }

    /// <summary>Whether the node is one of a cluster.</summary>
    public bool IsEnabled => Enabled ?? EtcdEndpoints.Count > 0;

    /// <summary><see cref="Etcd"/>, taken apart.</summary>
    public IReadOnlyList<string> EtcdEndpoints => Parts(Etcd);

    /// <summary><see cref="Advertise"/>, taken apart.</summary>
    public IReadOnlyList<string> AdvertisedAddresses => Parts(Advertise);

    /// <summary>How shards are placed.</summary>
    public PlacementOptions Placement => new() { Shards = Shards, Replicas = Replicas, MinInSync = MinInSync ?? Math.Min(s_placement.MinInSync, Replicas) };

    /// <summary>Takes lists of a file for texts with commas.</summary>
    public void ReadLists(IConfiguration section)
    {
        Etcd ??= Joined(section.GetSection(nameof(Etcd)));
        Advertise ??= Joined(section.GetSection(nameof(Advertise)));
    }

    /// <summary>Where etcd is, without what files have to be read for.</summary>
    /// <exception cref="ArgumentException">An endpoint is no address.</exception>
    public EtcdOptions ToEtcdOptions() => new()
    {
        Endpoints = [.. EtcdEndpoints.Select(Address)],
        KeyPrefix = EtcdPrefix,
    };

    private static Uri Address(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) ? address : throw new ArgumentException($"'{text}' is no address such as http://127.0.0.1:2379");

    private static string? Joined(IConfigurationSection section) =>
        section.GetChildren().Select(child => child.Value).Where(value => value is not null).ToList() is { Count: > 0 } values ? string.Join(',', values) : null;

    private static string[] Parts(string? text) => text?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}

/// <summary>What the attributes say.</summary>
[OptionsValidator]
internal sealed partial class ClusterOptionsValidator : IValidateOptions<ClusterOptions>;

/// <summary>How they must fit together.</summary>
internal sealed class ClusterOptionsRules : IValidateOptions<ClusterOptions>
{
    private static readonly TimeSpan s_minLeaseTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_maxLeaseTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_maxDrainTimeout = TimeSpan.FromSeconds(15);

    public ValidateOptionsResult Validate(string? name, ClusterOptions options) =>
        options.IsEnabled && Faults(options).ToList() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;

    private static IEnumerable<string> Faults(ClusterOptions options)
    {
        if (options.EtcdEndpoints.Count == 0)
        {
            yield return "Cluster:Etcd must name the etcd that the nodes share, such as http://127.0.0.1:2379";
        }
        else if (FaultOf(() => options.ToEtcdOptions().Validate()) is { } etcd)
        {
            yield return $"Cluster:Etcd: {etcd}";
        }

        if (FaultOf(() => options.Placement.Validate()) is { } placement)
        {
            yield return $"Cluster: {placement}";
        }

        if (options.LeaseTime < s_minLeaseTime || options.LeaseTime > s_maxLeaseTime)
        {
            yield return $"Cluster:LeaseTime is {options.LeaseTime}; it must be between 00:00:02 and 00:01:00";
        }

        if (options.DrainTimeout < TimeSpan.Zero || options.DrainTimeout > s_maxDrainTimeout)
        {
            yield return $"Cluster:DrainTimeout is {options.DrainTimeout}; it must be between 00:00:00 and 00:00:15";
        }

        if (options.EtcdCertificate is null != options.EtcdKey is null)
        {
            yield return "Cluster:EtcdCertificate and Cluster:EtcdKey must be given together";
        }

        if ((options.EtcdCa ?? options.EtcdCertificate) is not null && options.EtcdEndpoints.Any(e => e.StartsWith("http:", StringComparison.OrdinalIgnoreCase)))
        {
            yield return "Cluster:EtcdCa and Cluster:EtcdCertificate are for https, and Cluster:Etcd is http";
        }

        if (options.AdvertisedAddresses.Count > NodeRegistration.MaxAddresses)
        {
            yield return $"Cluster:Advertise has {options.AdvertisedAddresses.Count} addresses; at most {NodeRegistration.MaxAddresses} are told to others";
        }

        foreach (var address in options.AdvertisedAddresses.Where(address => HostPort.Of(address) is null))
        {
            yield return $"Cluster:Advertise: '{address}' is not host:port, such as broker-1.example:7400 or [2001:db8::1]:7400";
        }
    }

    private static string? FaultOf(Action check)
    {
        try
        {
            check();
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }
}
