using System.IO.Pipelines;

namespace Broker.Transport.InMemory;

/// <summary>The sending application's view of a <see cref="StreamDirection"/>.</summary>
internal sealed class DirectionWriter(InMemoryLink link, StreamDirection direction, ContinuationScheduler scheduler, long abandonCode) : PipeWriter
{
    private readonly PipeWriter _pipe = direction.SendPipe.Writer;
    private int _completed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _pipe.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0) => _pipe.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _pipe.GetSpan(sizeHint);

    public override void Advance(int bytes) => _pipe.Advance(bytes);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (Volatile.Read(ref _completed) != 0)
        {
            throw new InvalidOperationException("the writer was completed");
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        ValueTask<FlushResult> flush;
        lock (link.Gate)
        {
            var count = _pipe.UnflushedBytes;
            StreamDirection.FlushUnthrottled(_pipe);
            flush = direction.Flush(count, cancellationToken);
        }

        scheduler.Drain();
        return flush;
    }

    public override void CancelPendingFlush() => link.Do(scheduler, direction, 0, static (direction, _) => direction.CancelPendingFlush());

    public override void Complete(Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _completed, 1) != 0)
        {
            return;
        }

        lock (link.Gate)
        {
            if (exception is not null)
            {
                direction.Reset(abandonCode);
            }

            var count = _pipe.UnflushedBytes;
            _pipe.Complete();
            direction.CompleteWriter(count);
        }

        scheduler.Drain();
    }
}
