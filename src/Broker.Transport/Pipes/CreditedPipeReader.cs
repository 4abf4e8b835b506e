using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Broker.Transport.Pipes;

/// <summary>
/// Reads a pipe and reports how many bytes were consumed. A bare <see cref="Pipe"/> gives room back for examined bytes already; flow control
/// credit must go back for consumed bytes only, or a reader that keeps everything would be sent more without end.
/// </summary>
internal abstract class CreditedPipeReader(PipeReader pipe) : PipeReader
{
    private ReadOnlySequence<byte> _buffer;
    private int _completed;

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (ReadFault is { } fault)
        {
            return ValueTask.FromException<ReadResult>(fault);
        }

        var read = pipe.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new(Remember(read.Result)) : RememberAsync(read);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        if (ReadFault is { } fault)
        {
            throw fault;
        }

        var available = pipe.TryRead(out result);
        _buffer = result.Buffer;
        return available;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var count = _buffer.IsEmpty ? 0 : _buffer.Slice(0, consumed).Length;
        _buffer = default;
        pipe.AdvanceTo(consumed, examined);
        if (count > 0)
        {
            OnConsumed(count);
        }
    }

    /// <inheritdoc/>
    public override void CancelPendingRead() => pipe.CancelPendingRead();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _completed, 1) == 0)
        {
            pipe.Complete();
            OnCompleted();
        }
    }

    /// <summary>What every read throws although the pipe holds bytes; <c>null</c>: reads go to the pipe.</summary>
    protected abstract Exception? ReadFault { get; }

    /// <summary>The application is done with so many bytes; at least one.</summary>
    protected abstract void OnConsumed(long count);

    /// <summary>The application will not read again. Called once.</summary>
    protected abstract void OnCompleted();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> RememberAsync(ValueTask<ReadResult> read) => Remember(await read);

    private ReadResult Remember(ReadResult result)
    {
        _buffer = result.Buffer;
        return result;
    }
}
