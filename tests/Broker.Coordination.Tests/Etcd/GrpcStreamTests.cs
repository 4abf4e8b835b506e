using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;
using Broker.Coordination.Tests.Contract;

namespace Broker.Coordination.Tests.Etcd;

public sealed class GrpcStreamTests
{
    [Fact]
    public async Task A_write_that_http_cancels_because_of_a_reset_is_a_broken_stream_and_no_cancellation()
    {
        await using var stream = new GrpcStream<WatchResponse>(WatchResponse.Parser);
        stream.Start(async ended =>
        {
            await stream.Upload.CopyToAsync(new ResetStream(), ended);
            return new HttpResponseMessage();
        });
        var broken = await Assert.ThrowsAsync<GrpcException>(() => stream.WriteAsync(new WatchRequest(), CancellationToken.None).Soon("the end of a write"));
        Assert.False(broken.IsRefusal);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.WriteAsync(new WatchRequest(), cancelled.Token).Soon("the end of a write"));
    }

    /// <summary>What a request's body is written to, after the server has reset the stream.</summary>
    private sealed class ResetStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => throw new TaskCanceledException();
    }
}
