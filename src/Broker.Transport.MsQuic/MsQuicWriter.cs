using System.IO.Pipelines;

namespace Broker.Transport.MsQuic;

/// <summary>The application's side of <see cref="SendPump"/>.</summary>
internal sealed class MsQuicWriter(SendPump pump, PipeWriter pipe) : PipeWriter
{
    private int _completed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => pipe.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0) => pipe.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => pipe.GetSpan(sizeHint);

    public override void Advance(int bytes) => pipe.Advance(bytes);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (Volatile.Read(ref _completed) != 0)
        {
            throw new InvalidOperationException("the writer was completed");
        }

        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<FlushResult>(cancellationToken)
            : pump.Flush(cancellationToken);
    }

    public override void CancelPendingFlush() => pump.CancelPendingFlush();

    public override void Complete(Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _completed, 1) == 0)
        {
            pump.Complete(abandon: exception is not null);
        }
    }
}
