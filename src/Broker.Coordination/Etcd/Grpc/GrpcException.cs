namespace Broker.Coordination.Etcd.Grpc;

/// <summary>A call that did not end well.</summary>
/// <param name="status">gRPC's code: the server's, or the one that stands for what happened on the way.</param>
/// <param name="detail">What happened, for people.</param>
/// <param name="wasSent">Whether the server may have got the request.</param>
/// <param name="inner">The cause.</param>
internal sealed class GrpcException(GrpcStatus status, string detail, bool wasSent = true, Exception? inner = null) : IOException(detail, inner)
{
    public GrpcStatus Status => status;

    /// <summary>Whether the server may have got the request. If not, it has certainly not been carried out.</summary>
    public bool WasSent => wasSent;

    /// <summary>
    /// The server has looked at the request and does not carry it out, now or later. Everything else may get better by itself, or at another member; and a request that ended so may
    /// have been carried out.
    /// </summary>
    public bool IsRefusal => status is GrpcStatus.InvalidArgument or GrpcStatus.NotFound or GrpcStatus.PermissionDenied or GrpcStatus.ResourceExhausted or GrpcStatus.OutOfRange
        or GrpcStatus.Unimplemented or GrpcStatus.DataLoss or GrpcStatus.Unauthenticated;
}
