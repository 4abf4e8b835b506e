using Broker.Coordination.Etcd.Grpc;

namespace Broker.Coordination.Etcd;

/// <summary>What etcd means when it refuses something, and what would be right.</summary>
internal static class EtcdRefusals
{
    /// <summary>The error for callers of the store.</summary>
    public static MetadataUnavailableException Explain(GrpcException refusal, bool nothingChanged) =>
        new($"etcd refuses it: {refusal.Message}; {Advice(refusal.Status)}", nothingChanged, refusal);

    private static string Advice(GrpcStatus status) => status switch
    {
        GrpcStatus.ResourceExhausted => "if its database has reached --quota-backend-bytes, compact it, defragment each member and disarm the alarm (etcdctl compact, defrag, alarm disarm); "
            + "reads and leases go on meanwhile",
        GrpcStatus.PermissionDenied or GrpcStatus.Unauthenticated => "the common name of the client certificate must be a user of etcd with a role that may read and write everything below "
            + nameof(EtcdOptions.KeyPrefix),
        GrpcStatus.InvalidArgument => "etcd must take 128 operations a transaction (--max-txn-ops) and requests of 1.5 MiB (--max-request-bytes), and with its authentication enabled it must know "
            + "the common name of the client certificate as a user",
        GrpcStatus.Unimplemented => "it must be an etcd of version 3.4 or later",
        GrpcStatus.DataLoss => "its members do not have the same data: look at etcdctl alarm list",
        _ => "this is not expected of it",
    };
}
