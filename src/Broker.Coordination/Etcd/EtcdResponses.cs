namespace Broker.Coordination.Etcd.Proto;

/// <summary>An answer of etcd: each says which cluster it comes from.</summary>
internal interface IEtcdResponse
{
    ResponseHeader Header { get; }
}

internal sealed partial class RangeResponse : IEtcdResponse;

internal sealed partial class TxnResponse : IEtcdResponse;

internal sealed partial class CompactionResponse : IEtcdResponse;

internal sealed partial class WatchResponse : IEtcdResponse;

internal sealed partial class LeaseGrantResponse : IEtcdResponse;

internal sealed partial class LeaseRevokeResponse : IEtcdResponse;

internal sealed partial class LeaseKeepAliveResponse : IEtcdResponse;

internal sealed partial class LeaseTimeToLiveResponse : IEtcdResponse;

internal sealed partial class StatusResponse : IEtcdResponse;
