using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Broker.Transport.InMemory;

/// <summary>The receiving application's view of a <see cref="StreamDirection"/>: a pipe whose consumption is reported as credit.</summary>
internal sealed class DirectionReader(InMemoryLink link, StreamDirection direction, ContinuationScheduler scheduler, long abandonCode) : PipeReader
{
    private readonly PipeReader _pipe = direction.ReceivePipe.Reader;
    private ReadOnlySequence<byte> _buffer;
    private int _completed;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (direction.ReadFault is { } fault)
        {
            return ValueTask.FromException<ReadResult>(fault);
        }

        var read = _pipe.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new(Remember(read.Result)) : RememberAsync(read);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (direction.ReadFault is { } fault)
        {
            throw fault;
        }

        var available = _pipe.TryRead(out result);
        _buffer = result.Buffer;
        return available;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var count = _buffer.IsEmpty ? 0 : _buffer.Slice(0, consumed).Length;
        _buffer = default;
        _pipe.AdvanceTo(consumed, examined);
        link.Do(scheduler, direction, count, static (direction, count) => direction.Consume(count));
    }

    public override void CancelPendingRead() => _pipe.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _completed, 1) != 0)
        {
            return;
        }

        _pipe.Complete();
        link.Do(scheduler, direction, abandonCode, static (direction, code) =>
        {
            if (!direction.Drained)
            {
                direction.Stop(code);
            }
        });
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> RememberAsync(ValueTask<ReadResult> read) => Remember(await read);

    private ReadResult Remember(ReadResult result)
    {
        _buffer = result.Buffer;
        return result;
    }
}
