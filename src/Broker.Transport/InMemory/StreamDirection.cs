using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;

namespace Broker.Transport.InMemory;

/// <summary>
/// One direction of a stream: the sender's buffer, the receiver's window, and how the direction ended. Bytes move from the first to the
/// second as far as the stream's and the connection's credit reach (RFC 9000, section 4.1); what has moved counts as acknowledged.
/// </summary>
/// <remarks>Everything but <see cref="SendPipe"/>'s writer and <see cref="ReceivePipe"/>'s reader is used under the link's gate.</remarks>
internal sealed class StreamDirection
{
    private readonly InMemoryLink _link;
    private readonly StreamPair _stream;
    private readonly InMemoryConnection _sender;
    private readonly InMemoryConnection _receiver;
    private readonly TaskCompletionSource<bool> _writesClosed;
    private readonly WaitList<FlushResult> _flushing;
    private long _written;
    private long _accepted;
    private long _consumed;
    private bool _finished;
    private bool _flushCanceled;
    private bool _waitsForConnectionCredit;
    private QuicTransportException? _sendFault;
    private QuicTransportException? _readFault;

    public StreamDirection(InMemoryLink link, StreamPair stream, InMemoryConnection sender, InMemoryConnection receiver)
    {
        _link = link;
        _stream = stream;
        _sender = sender;
        _receiver = receiver;
        _writesClosed = sender.Scheduler.NewSource<bool>();
        _flushing = new WaitList<FlushResult>(link.Gate, sender.Scheduler);
        SendPipe = new Pipe(Unthrottled(PipeScheduler.Inline));
        ReceivePipe = new Pipe(Unthrottled(receiver.Scheduler));
    }

    /// <summary>Handed over by the application, not yet within the receiver's window.</summary>
    public Pipe SendPipe { get; }

    /// <summary>Within the receiver's window, not yet consumed.</summary>
    public Pipe ReceivePipe { get; }

    public Task WritesClosed => _writesClosed.Task;

    /// <summary>The end has reached the receiver: FIN, reset, stop, or the end of the connection.</summary>
    public bool Ended { get; private set; }

    /// <summary>The end has been seen by the receiving application as well, or it does not want to see it.</summary>
    public bool Drained => Ended && _consumed == _accepted;

    public bool WriterCompleted { get; private set; }

    /// <summary>What reads throw once this side has stopped reading a stream that had arrived to its end.</summary>
    public QuicTransportException? ReadFault
    {
        get => Volatile.Read(ref _readFault);
        private set => Volatile.Write(ref _readFault, value);
    }

    /// <summary>Takes note of <paramref name="count"/> bytes that the application has put into <see cref="SendPipe"/>.</summary>
    public ValueTask<FlushResult> Flush(long count, CancellationToken cancellationToken)
    {
        _written += count;
        if (_sendFault is not null)
        {
            DropUnsent();
            return ValueTask.FromException<FlushResult>(_sendFault);
        }

        Transfer();
        if (_flushCanceled)
        {
            _flushCanceled = false;
            return new(new FlushResult(isCanceled: true, isCompleted: false));
        }

        if (SendBufferHasRoom)
        {
            return new(default(FlushResult));
        }

        return _flushing.IsEmpty
            ? new(_flushing.WaitAsync(cancellationToken))
            : throw new InvalidOperationException("a flush is pending; await it before the next");
    }

    public void CancelPendingFlush()
    {
        // As in System.IO.Pipelines: without a pending flush, the next one is cancelled.
        _flushCanceled = !_flushing.TryServe(new FlushResult(isCanceled: true, isCompleted: false));
    }

    /// <summary>The application wrote its last byte.</summary>
    public void CompleteWriter(long count)
    {
        WriterCompleted = true;
        _written += count;
        if (_sendFault is null)
        {
            Transfer();
        }
        else
        {
            SendPipe.Reader.Complete();
        }
    }

    /// <summary>Moves as many bytes as the windows take, then FIN.</summary>
    public void Transfer()
    {
        while (!Ended && SendPipe.Reader.TryRead(out var read))
        {
            var credit = Math.Min(_receiver.StreamReceiveWindow - (_accepted - _consumed), _receiver.ReceiveCredit);
            var count = Math.Min(read.Buffer.Length, credit);
            var isLast = read.IsCompleted && count == read.Buffer.Length;
            Copy(read.Buffer.Slice(0, count));
            SendPipe.Reader.AdvanceTo(read.Buffer.GetPosition(count));
            if (isLast)
            {
                Finish();
            }
            else if (count == 0)
            {
                WaitForConnectionCredit();
                break;
            }
        }

        if (!_flushing.IsEmpty && SendBufferHasRoom)
        {
            _flushing.TryServe(default);
        }
    }

    /// <summary>The connection has credit again.</summary>
    public void ResumeTransfer()
    {
        _waitsForConnectionCredit = false;
        Transfer();
    }

    /// <summary>The receiving application has consumed <paramref name="count"/> bytes.</summary>
    public void Consume(long count)
    {
        if (count == 0 || _consumed == _accepted)
        {
            return; // after a reset or stop the credit has gone back already
        }

        _consumed += count;
        Transfer();
        _receiver.ReturnCredit(count);
        _stream.CloseIfDone();
    }

    /// <summary>RESET_STREAM by the sender.</summary>
    public void Reset(long errorCode) => Abort(
        new QuicTransportException(QuicError.OperationAborted, $"this side reset the stream with code {errorCode}", errorCode: errorCode),
        new QuicTransportException(QuicError.StreamAborted, $"the peer reset the stream with code {errorCode}", errorCode: errorCode));

    /// <summary>STOP_SENDING by the receiver, which a sender answers with RESET_STREAM (RFC 9000, section 3.5).</summary>
    public void Stop(long errorCode)
    {
        var local = new QuicTransportException(QuicError.OperationAborted, $"this side stopped reading with code {errorCode}", errorCode: errorCode);
        if (_finished)
        {
            // Everything has arrived: the sender is done and only the unread bytes are dropped.
            ReadFault = local;
            DropUnread();
            _stream.CloseIfDone();
            return;
        }

        Abort(new QuicTransportException(QuicError.StreamAborted, $"the peer stopped reading with code {errorCode}", errorCode: errorCode), local);
    }

    /// <summary>The connection under the stream is gone.</summary>
    public void EndWithConnection(QuicTransportException forSender, QuicTransportException forReceiver)
    {
        // A stream that had arrived to its end stays readable.
        Abort(forSender, forReceiver);
    }

    /// <summary>Flushes one of the two pipes, which never waits: they have no threshold of their own, the windows bound them.</summary>
    public static void FlushUnthrottled(PipeWriter writer)
    {
        var flush = writer.FlushAsync(CancellationToken.None);
        if (!flush.IsCompletedSuccessfully)
        {
            throw new UnreachableException("a pipe without a threshold made its writer wait");
        }
    }

    private bool SendBufferHasRoom => _written - _accepted < _sender.SendBufferSize;

    private void Copy(ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        foreach (var segment in bytes)
        {
            ReceivePipe.Writer.Write(segment.Span);
        }

        _accepted += bytes.Length;
        _sender.CountSent(bytes.Length);
        _receiver.CountReceived(bytes.Length);
        _link.NotePacket();
        _stream.Announce();
        FlushUnthrottled(ReceivePipe.Writer);
    }

    private void WaitForConnectionCredit()
    {
        if (_receiver.ReceiveCredit == 0 && !_waitsForConnectionCredit)
        {
            _waitsForConnectionCredit = true;
            _receiver.WaitForCredit(this);
        }
    }

    private void Finish()
    {
        _finished = true;
        Ended = true;
        _link.NotePacket();
        _stream.Announce();
        SendPipe.Reader.Complete();
        ReceivePipe.Writer.Complete();
        _sender.Scheduler.Complete(_writesClosed, true);
        _stream.CloseIfDone();
    }

    private void Abort(QuicTransportException forSender, QuicTransportException forReceiver)
    {
        if (Ended)
        {
            return;
        }

        Ended = true;
        _sendFault = forSender;
        _link.NotePacket();
        _stream.Announce();
        DropUnsent();
        _flushing.FailAll(forSender);
        _sender.Scheduler.Fail(_writesClosed, forSender);
        ReceivePipe.Writer.Complete(forReceiver);
        DropUnread();
        _stream.CloseIfDone();
    }

    private void DropUnsent()
    {
        if (WriterCompleted)
        {
            SendPipe.Reader.Complete();
        }
        else if (SendPipe.Reader.TryRead(out var read))
        {
            SendPipe.Reader.AdvanceTo(read.Buffer.End);
        }
    }

    /// <summary>Unread bytes stay readable for nobody, so their credit goes back: an aborted stream must not eat the connection's window.</summary>
    private void DropUnread()
    {
        var unread = _accepted - _consumed;
        _consumed = _accepted;
        if (unread > 0)
        {
            _receiver.ReturnCredit(unread);
        }
    }

    private static PipeOptions Unthrottled(PipeScheduler readerScheduler) => new(
        readerScheduler: readerScheduler, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, resumeWriterThreshold: 0, useSynchronizationContext: true);
}
