using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;

namespace Broker.Coordination.Etcd;

/// <summary>The methods of etcd's services that are used.</summary>
internal static class EtcdMethods
{
    public static GrpcMethod<RangeResponse> Range { get; } = new("/etcdserverpb.KV/Range", RangeResponse.Parser);

    public static GrpcMethod<TxnResponse> Txn { get; } = new("/etcdserverpb.KV/Txn", TxnResponse.Parser);

    public static GrpcMethod<CompactionResponse> Compact { get; } = new("/etcdserverpb.KV/Compact", CompactionResponse.Parser);

    public static GrpcMethod<WatchResponse> Watch { get; } = new("/etcdserverpb.Watch/Watch", WatchResponse.Parser);

    public static GrpcMethod<LeaseGrantResponse> LeaseGrant { get; } = new("/etcdserverpb.Lease/LeaseGrant", LeaseGrantResponse.Parser);

    public static GrpcMethod<LeaseRevokeResponse> LeaseRevoke { get; } = new("/etcdserverpb.Lease/LeaseRevoke", LeaseRevokeResponse.Parser);

    // On the wire a stream each way. One message each way works at any member, and needs no stream that has to be watched over.
    public static GrpcMethod<LeaseKeepAliveResponse> LeaseKeepAlive { get; } = new("/etcdserverpb.Lease/LeaseKeepAlive", LeaseKeepAliveResponse.Parser);

    public static GrpcMethod<LeaseTimeToLiveResponse> LeaseTimeToLive { get; } = new("/etcdserverpb.Lease/LeaseTimeToLive", LeaseTimeToLiveResponse.Parser);

    public static GrpcMethod<StatusResponse> Status { get; } = new("/etcdserverpb.Maintenance/Status", StatusResponse.Parser);
}
