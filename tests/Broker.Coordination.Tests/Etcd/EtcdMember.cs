using Broker.Coordination.Etcd;
using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;
using Google.Protobuf;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>A member of an <see cref="EtcdCluster"/>.</summary>
internal sealed class EtcdMember(string folder, string name, int clientPort, int peerPort, string scheme)
{
    private EtcdProcess? _process;

    public Uri Address { get; } = new($"{scheme}://127.0.0.1:{clientPort}");

    public string Peer => $"{name}=http://127.0.0.1:{peerPort}";

    public EtcdProcess Process => _process ?? throw new InvalidOperationException("it does not run");

    public void Start(string cluster, IEnumerable<string> options) => _process = EtcdProcess.Start(
        Path.Combine(folder, $"{name}.log"),
        [
            "--name", name, "--data-dir", Path.Combine(folder, name), "--logger", "zap", "--log-level", "warn",
            "--listen-client-urls", Address.ToString().TrimEnd('/'), "--advertise-client-urls", Address.ToString().TrimEnd('/'),
            "--listen-peer-urls", $"http://127.0.0.1:{peerPort}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{peerPort}",
            "--initial-cluster", cluster, "--initial-cluster-token", Path.GetFileName(folder), "--initial-cluster-state", "new", .. options,
        ]);

    /// <summary>Ends it with SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.DisposeAsync();
        }
    }

    /// <summary>Waits until it answers, with a leader.</summary>
    public Task UntilReadyAsync(EtcdOptions access) => CallAsync(EtcdMethods.Range, new RangeRequest { Key = ByteString.CopyFromUtf8("ready") }, access);

    public async Task<bool> IsLeaderAsync(EtcdOptions access)
    {
        var status = await CallAsync(EtcdMethods.Status, new StatusRequest(), access);
        return status.Leader == status.Header.MemberId;
    }

    /// <summary>Asks this member beside the store.</summary>
    public async Task<TResponse> CallAsync<TResponse>(GrpcMethod<TResponse> method, IMessage request, EtcdOptions? access = null)
        where TResponse : IMessage<TResponse>, IEtcdResponse
    {
        access ??= new EtcdOptions { Endpoints = [], KeyPrefix = "/" };
        using var members = new EtcdMembers(access with { Endpoints = [Address], Patience = Contract.Patience.Limit }, TimeProvider.System);
        try
        {
            return await members.CallAsync(method, request, CancellationToken.None);
        }
        catch (MetadataUnavailableException e)
        {
            throw new InvalidOperationException($"{e.Message}\n{_process?.LastWords()}", e);
        }
    }
}
