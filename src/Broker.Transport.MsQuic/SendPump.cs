using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Quic;

namespace Broker.Transport.MsQuic;

/// <summary>Carries bytes from the application's pipe into System.Net.Quic, so that neither sees the other's cancellations.</summary>
internal sealed class SendPump
{
    private const int SegmentBytes = 16 << 10;
    private readonly QuicStream _native;
    private readonly MsQuicConnection _connection;
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, resumeWriterThreshold: 0, minimumSegmentSize: SegmentBytes, useSynchronizationContext: false));
    private readonly FlushWindow _window;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private QuicTransportException? _fault;
    private int _writerCompleted;

    public SendPump(MsQuicConnection connection, QuicStream native)
    {
        _connection = connection;
        _native = native;
        _window = new FlushWindow(connection.Options.SendBufferSize);
        Writer = new MsQuicWriter(this, _pipe.Writer);
    }

    public MsQuicWriter Writer { get; }

    /// <summary>See <see cref="IQuicStream.WritesClosed"/>.</summary>
    public Task Closed => _closed.Task;

    public bool WriterCompleted => Volatile.Read(ref _writerCompleted) != 0;

    /// <summary>Runs until this direction of the stream is over. Never faults.</summary>
    public Task RunAsync() => Task.WhenAll(PumpAsync(), WatchAsync());

    public ValueTask<FlushResult> Flush(CancellationToken cancellationToken)
    {
        var count = _pipe.Writer.UnflushedBytes;
        Push(_pipe.Writer.FlushAsync(CancellationToken.None));
        return _window.Flush(count, cancellationToken);
    }

    public void CancelPendingFlush() => _window.Cancel();

    public void Complete(bool abandon)
    {
        Volatile.Write(ref _writerCompleted, 1);
        if (abandon)
        {
            Reset(_connection.Options.DefaultStreamErrorCode);
        }

        _pipe.Writer.Complete();
    }

    public void Reset(long errorCode)
    {
        var fault = new QuicTransportException(QuicError.OperationAborted, $"this side reset the stream with code {errorCode}", errorCode: errorCode);
        if (_closed.Task.IsCompleted || Interlocked.CompareExchange(ref _fault, fault, null) is not null)
        {
            return;
        }

        try
        {
            _native.Abort(QuicAbortDirection.Write, errorCode);
        }
        catch (ObjectDisposedException)
        {
            // The stream was over already.
        }

        _window.Fail(fault);
        _pipe.Reader.CancelPendingRead();
    }

    private async Task PumpAsync()
    {
        try
        {
            while (Volatile.Read(ref _fault) is null)
            {
                var read = await _pipe.Reader.ReadAsync();
                if (read.IsCanceled)
                {
                    break;
                }

                await WriteAsync(read.Buffer);
                _pipe.Reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    _native.CompleteWrites();
                    break;
                }
            }
        }
        catch (Exception e) when (e is QuicException or ObjectDisposedException or InvalidOperationException)
        {
            // The direction is over before its end; WatchAsync learns why.
        }

        await _pipe.Reader.CompleteAsync();
    }

    private async Task WriteAsync(ReadOnlySequence<byte> bytes)
    {
        foreach (var segment in bytes)
        {
            await _native.WriteAsync(segment, CancellationToken.None);
            _connection.CountSent(segment.Length);
            _window.Release(segment.Length);
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            await _native.WritesClosed;
            _closed.TrySetResult();
            return;
        }
        catch (Exception e)
        {
            var fault = MsQuicFaults.IsOfStream(e, out var code)
                ? new QuicTransportException(QuicError.StreamAborted, $"the peer stopped reading with code {code}", e, code)
                : Volatile.Read(ref _fault) ?? await _connection.EndAsync();
            fault = Interlocked.CompareExchange(ref _fault, fault, null) ?? fault;
            _window.Fail(fault);
            _closed.TrySetException(fault);
            _ = _closed.Task.Exception; // marks it observed: not everybody awaits
            _pipe.Reader.CancelPendingRead();
        }
    }

    private static void Push(ValueTask<FlushResult> flush)
    {
        if (!flush.IsCompletedSuccessfully)
        {
            throw new UnreachableException("a pipe without a threshold made its writer wait");
        }
    }
}
