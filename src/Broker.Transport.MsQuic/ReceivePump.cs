using System.IO.Pipelines;
using System.Net.Quic;
using Broker.Transport.Pipes;

namespace Broker.Transport.MsQuic;

/// <summary>
/// Carries bytes from System.Net.Quic into the application's pipe as far as the windows allow. Cancelling a read of a <see cref="QuicStream"/>
/// aborts the stream; cancelling a read of the pipe does not.
/// </summary>
internal sealed class ReceivePump
{
    private const int SegmentBytes = 16 << 10;
    private const int MinimumReadBytes = 1 << 10;
    private readonly Lock _gate = new();
    private readonly QuicStream _native;
    private readonly MsQuicConnection _connection;
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, resumeWriterThreshold: 0, minimumSegmentSize: SegmentBytes, useSynchronizationContext: false));
    private readonly ReceiveBudget _window;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private QuicTransportException? _stopped;
    private long _unconsumed;
    private bool _ended;
    private bool _dropped;

    public ReceivePump(MsQuicConnection connection, QuicStream native)
    {
        _connection = connection;
        _native = native;
        _window = new ReceiveBudget(connection.Options.StreamReceiveWindow);
        Reader = new StreamReader(this, _pipe.Reader);
    }

    public PipeReader Reader { get; }

    /// <summary>Runs until the direction has ended and the application has seen it or does not want to. Never faults.</summary>
    public async Task RunAsync()
    {
        Exception? fault = null;
        try
        {
            while (await ReceiveAsync())
            {
            }
        }
        catch (Exception e)
        {
            fault = MsQuicFaults.IsOfStream(e, out var code)
                ? new QuicTransportException(QuicError.StreamAborted, $"the peer reset the stream with code {code}", e, code)
                : Volatile.Read(ref _stopped) ?? await _connection.EndAsync();
        }

        await _pipe.Writer.CompleteAsync(fault);
        lock (_gate)
        {
            _ended = true;
            if (_unconsumed == 0)
            {
                _drained.TrySetResult();
            }
        }

        if (fault is not null)
        {
            Drop();
        }

        await _drained.Task;
    }

    public void Stop(long errorCode)
    {
        var fault = new QuicTransportException(QuicError.OperationAborted, $"this side stopped reading with code {errorCode}", errorCode: errorCode);
        if (Interlocked.CompareExchange(ref _stopped, fault, null) is not null)
        {
            return;
        }

        try
        {
            _native.Abort(QuicAbortDirection.Read, errorCode);
        }
        catch (ObjectDisposedException)
        {
            // The stream was over already.
        }

        Drop();
    }

    private async Task<bool> ReceiveAsync()
    {
        await WaitForAsync(_window);
        await WaitForAsync(_connection.Budget);
        var count = await _native.ReadAsync(_pipe.Writer.GetMemory(MinimumReadBytes), CancellationToken.None);
        if (count == 0)
        {
            return false;
        }

        _connection.CountReceived(count);
        Take(count);
        _pipe.Writer.Advance(count);
        await _pipe.Writer.FlushAsync(CancellationToken.None); // never waits: the windows bound this pipe
        return true;
    }

    private async ValueTask WaitForAsync(ReceiveBudget budget)
    {
        var credit = budget.WaitAsync();
        if (!credit.IsCompleted)
        {
            // A stream that is aborted while nobody reads must not wait for the reader to learn it.
            await Task.WhenAny(credit, _native.ReadsClosed);
        }
    }

    private void Take(long count)
    {
        lock (_gate)
        {
            if (!_dropped)
            {
                _unconsumed += count;
                _window.Take(count);
                _connection.Budget.Take(count);
            }
        }
    }

    private void Consume(long count)
    {
        lock (_gate)
        {
            if (_dropped)
            {
                return;
            }

            _unconsumed -= count;
            if (_ended && _unconsumed == 0)
            {
                _drained.TrySetResult();
            }
        }

        _window.Return(count);
        _connection.Budget.Return(count);
    }

    /// <summary>Nobody will consume what is left, so its credit goes back at once.</summary>
    private void Drop()
    {
        long left;
        lock (_gate)
        {
            _dropped = true;
            left = _unconsumed;
            _unconsumed = 0;
        }

        _drained.TrySetResult();
        _window.Return(left);
        _connection.Budget.Return(left);
    }

    private void Abandon()
    {
        if (!_drained.Task.IsCompleted)
        {
            Stop(_connection.Options.DefaultStreamErrorCode);
        }
    }

    private sealed class StreamReader(ReceivePump pump, PipeReader pipe) : CreditedPipeReader(pipe)
    {
        protected override Exception? ReadFault => Volatile.Read(ref pump._stopped);

        protected override void OnConsumed(long count) => pump.Consume(count);

        protected override void OnCompleted() => pump.Abandon();
    }
}
