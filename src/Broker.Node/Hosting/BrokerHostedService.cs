using System.Net;
using System.Runtime.InteropServices;
using Broker.Actors.Cluster;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Node.Certificates;
using Broker.Node.Configuration;
using Broker.Node.Data;
using Broker.Node.Health;
using Broker.Transport;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Broker.Node.Hosting;

/// <summary>Runs the broker between the start and the stop of the process: data folder, certificates, transport, server, and back in reverse.</summary>
internal sealed class BrokerHostedService(
    IOptions<BrokerNodeOptions> options,
    IOptions<LimitOptions> limits,
    IOptions<StorageOptions> storage,
    IOptions<ClusterOptions> cluster,
    IOptions<AccessOptions> access,
    IOptions<DefinitionOptions> definitions,
    Func<string, IQuicTransport> createTransport,
    TextWriter banner,
    NodeHealth health,
    TimeProvider time,
    ILogger<BrokerHostedService> logger) : IHostedService, IAsyncDisposable
{
    private readonly BrokerNodeOptions _options = options.Value;
    private readonly ClusterOptions _cluster = cluster.Value;
    private DataFolder? _data;
    private NodeStores? _storage;
    private IQuicTransport? _transport;
    private BrokerServer? _server;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // First, because it may fail: once clients find the node it stays.
        var welcome = _options.Welcome is { } file ? await File.ReadAllTextAsync(file, cancellationToken) : "";
        var toImport = definitions.Value.ImportFile is { } import ? await File.ReadAllBytesAsync(import, cancellationToken) : [];
        _data = DataFolder.Open(_options.Data);
        EnsureDevelopmentCertificates();
        _transport = createTransport(_options.Transport);
        var tls = ListenerSettings.Tls(_options.CertificateFolder, _cluster.IsEnabled ? _options.Name : null);
        var listener = ListenerSettings.From(_options, tls, BrokerServer.ApplicationProtocols, _data.ReadOrCreateStatelessResetKey());
        _storage = await NodeStores.OpenAsync(Path.Combine(_data.FullPath, "store"), _options.Name, storage.Value, _cluster, Log, time);
        var broker = new BrokerServerOptions
        {
            NodeId = _options.Name,
            Storage = _storage.Options,
            OnListening = _data.PublishAddress,
            Limits = limits.Value.ToBrokerLimits(),
            DefaultPermissions = access.Value.Default,
            Definitions = toImport,
            OnDefinition = LogDefinition,
            TimeProvider = time,
            OnFault = fault => NodeLog.ActorFault(logger, fault.Exception, fault.Kind, fault.Path, fault.TypeName, fault.Directive),
        };
        if (_cluster.IsEnabled)
        {
            broker = broker with { Cluster = Join(listener), ClusterName = _cluster.Name, ShardCount = _cluster.Shards };
        }

        try
        {
            _server = await BrokerServer.StartAsync(broker, _transport, listener, cancellationToken);
        }
        catch (FormatException e)
        {
            throw new FormatException($"Definitions:ImportFile '{definitions.Value.ImportFile}': {e.Message}", e);
        }

        health.Problem = () => _server.Problem;
        health.State = NodeState.Ready;
        Greet(_server.LocalEndPoint, welcome);
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_server is null)
        {
            return;
        }

        NodeLog.Stopping(logger);
        health.State = NodeState.Stopping;
        _data!.WithdrawAddress();
        await _server.DisposeAsync().AsTask().WaitAsync(cancellationToken);
        await _storage!.DisposeAsync();
        _storage = null;
        NodeLog.Stopped(logger);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_transport is not null)
        {
            await _transport.DisposeAsync();
        }

        if (_storage is not null)
        {
            await _storage.DisposeAsync(); // after a start that failed
        }

        _data?.Dispose();
    }

    private BrokerClusterOptions Join(QuicListenerOptions listener)
    {
        var joined = ClusterSettings.From(_cluster, _options, listener, e => NodeLog.ClusterEvent(logger, e.Kind, e.Subject, e.Detail));
        var addresses = joined.Addresses.Count > 0 ? string.Join(", ", joined.Addresses) : "where it listens";
        NodeLog.OfCluster(logger, _options.Name, _cluster.Name, string.Join(", ", _cluster.EtcdEndpoints), _cluster.EtcdPrefix, addresses);
        return joined;
    }

    private void Log(StoreNotice notice)
    {
        switch (notice.Severity)
        {
            case StoreNoticeSeverity.Information:
                NodeLog.StoreInformation(logger, notice.Text);
                break;
            case StoreNoticeSeverity.Warning:
                NodeLog.StoreWarning(logger, notice.Text);
                break;
            default:
                NodeLog.StoreError(logger, notice.Text);
                break;
        }
    }

    private void LogDefinition(string text, bool isProblem)
    {
        if (isProblem)
        {
            NodeLog.DefinitionNotTaken(logger, text);
        }
        else
        {
            NodeLog.DefinitionsImported(logger, text);
        }
    }

    private void EnsureDevelopmentCertificates()
    {
        if (!_options.DevelopmentCertificates)
        {
            return;
        }

        // Other nodes check the certificate against the address that they dial.
        IReadOnlyList<string> hosts = [.. _cluster.AdvertisedAddresses.Select(address => HostPort.Of(address)!.Host)];
        IReadOnlyList<string> nodes = _cluster.IsEnabled ? [_options.Name] : [];
        if (new DevelopmentCertificates(_options.CertificateFolder, time, hosts).Ensure(nodes) is { Count: > 0 } made)
        {
            NodeLog.CertificatesMade(logger, _options.CertificateFolder, string.Join(", ", made));
        }
    }

    private void Greet(IPEndPoint endPoint, string welcome)
    {
        var version = typeof(BrokerHostedService).Assembly.GetName().Version?.ToString(3);
        banner.WriteLine(
            $"broker {version} '{_options.Name}' serves udp {endPoint} with {_transport!.Name} {_transport.LibraryVersions}, "
            + $"{RuntimeInformation.FrameworkDescription}, data in {_data!.FullPath}");
        banner.Write(welcome);
        banner.Flush();
    }
}
