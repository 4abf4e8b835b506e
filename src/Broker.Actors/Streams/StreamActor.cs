using System.Buffers;
using System.IO.Pipelines;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Transport;

namespace Broker.Actors.Streams;

/// <summary>
/// One QUIC stream: reads when there is something and the derived class may take it, flushes once per batch, and ends when both directions have.
/// </summary>
/// <remarks>
/// <para>At most one read and one flush are under way. Their completions run on the transport's thread and do nothing but tell this actor.</para>
/// <para>Nothing is written while a flush is under way: a peer that does not read makes the flush wait, and <see cref="CanWrite"/> false stops whatever would produce output.</para>
/// </remarks>
internal abstract class StreamActor : Actor
{
    private readonly IQuicStream _stream;
    private ValueTask<ReadResult> _read;
    private ValueTask<FlushResult> _flush;
    private bool _reading;
    private bool _dirty;
    private bool _inputEnded;
    private bool _outputEnded;
    private bool _endsWhenAnswered;
    private Action? _tellReadable;
    private Action? _tellFlushed;

    protected StreamActor(IQuicStream stream, NodeServices node, StreamStatus status)
    {
        _stream = stream;
        Node = node;
        Status = status;
    }

    protected NodeServices Node { get; }

    protected StreamStatus Status { get; }

    /// <summary>Where frames are written, if <see cref="CanWrite"/>; followed by <see cref="MarkWritten"/>.</summary>
    protected IBufferWriter<byte> Output => _stream.Output;

    /// <summary>Whether output may be written now.</summary>
    protected bool CanWrite => !IsFlushing && !_outputEnded;

    /// <summary>Whether a flush is under way.</summary>
    protected bool IsFlushing { get; private set; }

    /// <summary>Whether nothing more will be written or read because the stream is being closed.</summary>
    protected bool IsClosing => _outputEnded;

    protected override void PreStart()
    {
        Context.Describe(Status.ToString);
        WatchOutput();
        try
        {
            Read();
        }
        catch (QuicTransportException)
        {
            Context.Stop(Self); // reset before it was read
        }
    }

    protected override void PostStop()
    {
        Status.Close();
        // A read that is under way ends with the stream; its completion finds nobody, which is what it is for.
        Forget(_stream.DisposeAsync());
    }

    /// <summary>Lets an end go its way whose outcome changes nothing any more.</summary>
    public static void Forget(ValueTask ending)
    {
        if (!ending.IsCompletedSuccessfully)
        {
            ending.AsTask().ContinueWith(
                static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    protected sealed override void Receive(object message)
    {
        try
        {
            switch (message)
            {
                case StreamSignal signal when ReferenceEquals(signal, StreamSignal.Readable):
                    _reading = false;
                    CompleteRead();
                    break;
                case StreamSignal signal when ReferenceEquals(signal, StreamSignal.Flushed):
                    CompleteFlush();
                    break;
                case StreamSignal signal when ReferenceEquals(signal, StreamSignal.WritesClosed):
                    FinishOutput();
                    break;
                case StreamSignal:
                    Context.Stop(Self); // it did not end in time
                    break;
                default:
                    if (!_outputEnded)
                    {
                        ReceiveMessage(message);
                    }

                    break;
            }
        }
        catch (QuicTransportException)
        {
            Context.Stop(Self);
        }
    }

    protected override void AfterBatch()
    {
        try
        {
            do
            {
                if (CanWrite)
                {
                    WriteOutput();
                }

                Flush();
            }
            while (HasMoreOutput && CanWrite);

            if (_endsWhenAnswered && CanWrite && !OwesOutput)
            {
                EndOutput();
            }

            Read();
        }
        catch (QuicTransportException)
        {
            Context.Stop(Self); // reset by the peer, or the connection is gone: nobody is left to tell
        }
    }

    /// <summary>A message that is not the transport's.</summary>
    protected virtual void ReceiveMessage(object message) => Unhandled(message);

    /// <summary>Whether the derived class can take more input.</summary>
    protected virtual bool MayRead => true;

    /// <summary>Takes what it can from the input.</summary>
    /// <param name="buffer">Everything that was read and not consumed; may be empty.</param>
    /// <param name="ended">The peer has sent FIN after it.</param>
    /// <returns>Up to where it was consumed; the rest comes again, with more.</returns>
    protected abstract SequencePosition HandleInput(in ReadOnlySequence<byte> buffer, bool ended);

    /// <summary>Writes what has come up since; called once per batch, only when <see cref="CanWrite"/>.</summary>
    protected virtual void WriteOutput()
    {
    }

    /// <summary>Whether <see cref="WriteOutput"/> has left something for after the next flush.</summary>
    protected virtual bool HasMoreOutput => false;

    /// <summary>Whether something that was read is still to be answered. FIN waits for it.</summary>
    protected virtual bool OwesOutput => false;

    /// <summary>The peer has ended its side and all of it was handed over. Default: ends this side too, as soon as it owes nothing.</summary>
    protected virtual void HandleInputEnded() => _endsWhenAnswered = true;

    /// <summary>The peer has everything up to FIN, or takes nothing more. May be called twice. Default: the actor stops.</summary>
    protected virtual void HandleOutputFinished() => Context.Stop(Self);

    protected void MarkWritten() => _dirty = true;

    /// <summary>Sends FIN after what was written; the actor stops when the peer has it.</summary>
    protected void EndOutput()
    {
        if (_outputEnded)
        {
            return;
        }

        _outputEnded = true;
        _stream.Output.Complete();
        Context.Timers.StartSingle(StreamSignal.ClosingTimeout, StreamSignal.ClosingTimeout, Node.Limits.ClosingTimeout);
    }

    /// <summary>Asks the peer to send nothing more; what comes is dropped.</summary>
    protected void StopInput(long errorCode)
    {
        if (!_inputEnded)
        {
            _inputEnded = true;
            _stream.StopSending(errorCode);
        }
    }

    /// <summary>Gives the stream up in both directions.</summary>
    protected void Abort(long errorCode)
    {
        _inputEnded = _outputEnded = true;
        _stream.Reset(errorCode);
        _stream.StopSending(errorCode);
        Context.Stop(Self);
    }

    /// <summary>Hears of the peer's STOP_SENDING even while nothing is read or written: a publisher of a full queue may go away like any other.</summary>
    private void WatchOutput()
    {
        var self = Self;
        _stream.WritesClosed.ContinueWith(
            t =>
            {
                _ = t.Exception;
                self.Tell(StreamSignal.WritesClosed);
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private void Read()
    {
        if (_reading || _inputEnded || !MayRead)
        {
            return;
        }

        _reading = true;
#pragma warning disable CA2012 // taken out of the field once, by the completion that it is kept for
        _read = _stream.Input.ReadAsync();
#pragma warning restore CA2012
        if (_read.IsCompleted)
        {
            Self.Tell(StreamSignal.Readable); // and not at once, so that a busy stream takes its turn with the others
            return;
        }

        var self = Self;
        _tellReadable ??= () => self.Tell(StreamSignal.Readable);
        _read.GetAwaiter().UnsafeOnCompleted(_tellReadable);
    }

    private void CompleteRead()
    {
        var result = _read.GetAwaiter().GetResult();
        if (_inputEnded)
        {
            return;
        }

        var buffer = result.Buffer;
        var consumed = MayRead || buffer.IsEmpty ? HandleInput(buffer, result.IsCompleted) : buffer.Start;
        if (_inputEnded)
        {
            return; // the stream was given up, and its input with it
        }

        // Stopped early for pressure: what is left counts as not seen, so that the next read brings it at once.
        _stream.Input.AdvanceTo(consumed, MayRead ? buffer.End : consumed);
        if (result.IsCompleted && buffer.Slice(consumed).IsEmpty)
        {
            _inputEnded = true;
            HandleInputEnded();
        }
    }

    private void Flush()
    {
        if (!_dirty || IsFlushing || _outputEnded)
        {
            return;
        }

        _dirty = false;
#pragma warning disable CA2012 // taken out of the field once, by the completion that it is kept for
        _flush = _stream.Output.FlushAsync();
#pragma warning restore CA2012
        IsFlushing = true;
        if (_flush.IsCompleted)
        {
            CompleteFlush();
            return;
        }

        var self = Self;
        _tellFlushed ??= () => self.Tell(StreamSignal.Flushed);
        _flush.GetAwaiter().UnsafeOnCompleted(_tellFlushed);
    }

    private void CompleteFlush()
    {
        IsFlushing = false;
        try
        {
            _flush.GetAwaiter().GetResult();
        }
        catch (QuicTransportException)
        {
            FinishOutput();
            return;
        }

        HandleFlushed();
    }

    private void FinishOutput()
    {
        _outputEnded = true;
        HandleOutputFinished();
    }

    /// <summary>Everything written so far was taken by the transport.</summary>
    protected virtual void HandleFlushed()
    {
    }
}
