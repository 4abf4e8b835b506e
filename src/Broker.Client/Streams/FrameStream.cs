using Broker.Client.Connections;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Streams;

/// <summary>A stream that is read at once, whatever comes: publish and request streams. Its state is guarded by <see cref="Gate"/>.</summary>
internal abstract class FrameStream : IFrameHandler, IDebt
{
    private readonly BrokerConnection _connection;
    private readonly string _what;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IQuicStream? _stream;
    private bool _ending;
    private bool _abandoned;

    /// <param name="connection">Where to open the stream.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="maxPayload">Longest payload that the server may send, in bytes.</param>
    /// <param name="what">Its name in exceptions.</param>
    /// <param name="gate">Guards the owner as well; <c>null</c>: the stream has one of its own.</param>
    protected FrameStream(BrokerConnection connection, StreamKind kind, int maxPayload, string what, Lock? gate = null)
    {
        Gate = gate ?? new Lock();
        _connection = connection;
        _what = what;
        MaxPayload = maxPayload;
        Sender = new FrameSender(Gate, afterTake: OnBufferTaken);
        StreamHeader.Write(Sender.Buffer, kind);
    }

    /// <summary>Completes when the stream has ended and everybody who waited knows; never faults.</summary>
    public Task Closed => _closed.Task;

    /// <summary>Why the stream is over; <c>null</c> while it is not.</summary>
    public BrokerException? End { get; private set; }

    /// <summary>Whether an answer of the server is due, as far as one can tell without the gate.</summary>
    public abstract bool IsOwed { get; }

    protected Lock Gate { get; }

    protected FrameSender Sender { get; }

    private int MaxPayload { get; }

    /// <summary>Opens the stream and reads it until it ends. Frames may be written before.</summary>
    public void Start() => _ = RunAsync();

    /// <summary>Sends FIN after what is written and waits until the server has answered everything and ended its side.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            _ending = true;
            Sender.Complete();
        }

        await Closed.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives the stream up: what is not answered is unknown.</summary>
    public void Abandon()
    {
        lock (Gate)
        {
            _abandoned = true;
        }

        _stream?.Reset((long)ErrorCode.Cancelled);
        _stream?.StopSending((long)ErrorCode.Cancelled);
    }

    FrameVerdict IFrameHandler.OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault) =>
        OnFrame(type, payload, out fault) ? FrameVerdict.Continue : FrameVerdict.Fault;

    /// <summary>Under the gate: one frame. <c>false</c> with a fault if it cannot be.</summary>
    protected abstract bool OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault);

    /// <summary>After the frames of one read, without the gate.</summary>
    protected abstract void OnFramesHandled();

    /// <summary>Under the gate: fails everything that waits.</summary>
    protected abstract void OnEnded(BrokerException reason);

    /// <summary>Under the gate: a buffer has been taken to be sent.</summary>
    protected virtual void OnBufferTaken()
    {
    }

    /// <summary>Under the gate: throws if the stream is over.</summary>
    protected void ThrowIfEnded()
    {
        if (End is { } end)
        {
            throw end;
        }

        ObjectDisposedException.ThrowIf(_ending, this);
    }

    protected static bool Unexpected(FrameType type, out FrameFault fault)
    {
        fault = Enum.IsDefined(type)
            ? new FrameFault(ErrorCode.ProtocolViolation, $"frame type 0x{(ulong)type:x} is not allowed here")
            : new FrameFault(ErrorCode.UnknownFrame, $"frame type 0x{(ulong)type:x} is unknown");
        return false;
    }

    private async Task RunAsync()
    {
        BrokerException reason;
        _connection.Add(this);
        try
        {
            _stream = await _connection.OpenStreamAsync(CancellationToken.None).ConfigureAwait(false);
            lock (Gate)
            {
                if (_abandoned)
                {
                    throw new BrokerStreamException(_what, ErrorCode.Cancelled, "given up before it was open");
                }

                Sender.Attach(_stream.Output);
            }

            using var input = new FrameInput(_stream.Input, MaxPayload, _what);
            while (await input.ReadAsync(this, Gate, null, CancellationToken.None).ConfigureAwait(false))
            {
                OnFramesHandled();
            }

            reason = new BrokerStreamException(_what, ErrorCode.NoError, "the stream has ended");
        }
        catch (Exception e)
        {
            reason = await _connection.ExplainAsync(e, _what).ConfigureAwait(false);
        }

        _connection.Remove(this);

        // Answers that came just before the end still count.
        OnFramesHandled();
        lock (Gate)
        {
            End = reason;
            Sender.Stop();
            OnEnded(reason);
        }

        if (_stream is not null)
        {
            await _stream.DisposeAsync().ConfigureAwait(false);
        }

        _closed.TrySetResult();
    }
}
