using System.Collections.Concurrent;
using Broker.Client.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Connections;

/// <summary>One QUIC connection to a node that has said WELCOME, and why it ended.</summary>
internal sealed class BrokerConnection : IFrameHandler, IAsyncDisposable
{
    private static readonly TimeSpan s_closeNoticeTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Of a transport that does not measure it. Where it is longer, another node takes longer to answer as well.</summary>
    private static readonly TimeSpan s_longestRoundTrip = TimeSpan.FromMilliseconds(50);

    private readonly IQuicConnection _quic;
    private readonly IQuicStream _control;
    private readonly FrameInput _controlInput;
    private readonly IAsyncDisposable? _transport;
    private readonly TaskCompletionSource<BrokerConnectionException> _goingAway = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<IDebt, bool> _debts = new();
    private BrokerConnectionException? _ownReason;
    private int _closing;

    public BrokerConnection(
        IQuicConnection quic, IQuicStream control, FrameInput controlInput, WelcomeFrame welcome, HelloFrame hello, IAsyncDisposable? transport)
    {
        _quic = quic;
        _control = control;
        _controlInput = controlInput;
        _transport = transport;
        Welcome = welcome;
        Hello = hello;
        Closed = WatchAsync();
        _ = ReadControlAsync();
    }

    public WelcomeFrame Welcome { get; }

    public HelloFrame Hello { get; }

    /// <summary>How long the node took for WELCOME: a round trip and work, much work at times.</summary>
    public TimeSpan WelcomeTime { get; init; }

    /// <summary>Where the connection goes.</summary>
    public System.Net.IPEndPoint RemoteEndPoint => _quic.RemoteEndPoint;

    /// <summary>Completes when the network says that nothing listens at the node's address; <c>null</c> if the transport does not hear of that.</summary>
    public Task? PeerUnreachable { get; init; }

    /// <summary>Whether something waits for an answer of the node.</summary>
    public bool IsOwed
    {
        get
        {
            foreach (var (debt, _) in _debts)
            {
                if (debt.IsOwed)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>The server has said that it will close the connection soon.</summary>
    public bool IsGoingAway => _goingAway.Task.IsCompleted;

    /// <summary>Completes when the server has said so; never if it does not.</summary>
    public Task<BrokerConnectionException> GoingAway => _goingAway.Task;

    /// <summary>Completes when the connection has ended; with <c>null</c> if this side closed it in order.</summary>
    public Task<BrokerConnectionException?> Closed { get; }

    /// <summary>Something may wait for an answer from now on.</summary>
    public void Add(IDebt debt) => _debts[debt] = true;

    /// <summary>It waits no more.</summary>
    public void Remove(IDebt debt) => _debts.TryRemove(debt, out _);

    /// <summary>What was heard of the node so far. Transports that count no packets count what streams have received.</summary>
    public SilenceReading Read()
    {
        var seen = _quic.GetStatistics();
        return seen.PacketsReceived > 0
            ? new SilenceReading(seen.PacketsReceived, seen.SmoothedRtt, seen.BytesInFlight > 0)
            : new SilenceReading(seen.BytesReceived, WelcomeTime < s_longestRoundTrip ? WelcomeTime : s_longestRoundTrip, false);
    }

    public async ValueTask<IQuicStream> OpenStreamAsync(CancellationToken cancellationToken)
    {
        if (IsGoingAway)
        {
            throw await GoingAway.ConfigureAwait(false);
        }

        return await _quic.OpenStreamAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes of whatever a stream ran into the exception that its callers get. A malformed frame closes the connection here.</summary>
    public async ValueTask<BrokerException> ExplainAsync(Exception exception, string what)
    {
        switch (exception)
        {
            case BrokerException known:
                return known;
            case FrameFaultException malformed:
                await CloseAsync(malformed.Fault.Code, $"{what}: {malformed.Fault.Reason}").ConfigureAwait(false);
                return await WhyClosedAsync(what, malformed).ConfigureAwait(false);
            case QuicTransportException { Error: QuicError.StreamAborted } aborted:
                return new BrokerStreamException(what, (ErrorCode)(aborted.ErrorCode ?? (long)ErrorCode.InternalError), aborted.Message);
            case IOException or InvalidOperationException:
                return await WhyClosedAsync(what, exception).ConfigureAwait(false);
            default:
                return new BrokerStreamException(what, ErrorCode.InternalError, exception.Message);
        }
    }

    /// <summary>Closes because the server broke the protocol.</summary>
    public async ValueTask CloseAsync(ErrorCode code, string reason)
    {
        _ownReason ??= new BrokerConnectionException("the server broke the protocol", code, reason, retryable: false);
        await _quic.CloseAsync((long)code, reason).ConfigureAwait(false);
    }

    /// <summary>Closes because the node is silent and another one answers. Whatever is under way goes on there, if it may.</summary>
    public async ValueTask GiveUpAsync(string reason)
    {
        _ownReason ??= new BrokerConnectionException("connection given up", ErrorCode.Unavailable, reason, retryable: true);
        await _quic.CloseAsync((long)ErrorCode.NoError, reason).ConfigureAwait(false);
    }

    /// <summary>Says goodbye. What is not sent yet is lost: end the streams before.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closing, 1) != 0)
        {
            await Closed.ConfigureAwait(false);
            return;
        }

        await _quic.CloseAsync((long)ErrorCode.NoError, "goodbye").ConfigureAwait(false);
        await _control.DisposeAsync().ConfigureAwait(false);
        await _quic.DisposeAsync().ConfigureAwait(false);
        await Closed.ConfigureAwait(false);
        if (_transport is not null)
        {
            await _transport.DisposeAsync().ConfigureAwait(false);
        }
    }

    FrameVerdict IFrameHandler.OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (type != FrameType.GoAway || IsGoingAway)
        {
            fault = new FrameFault(ErrorCode.ProtocolViolation, $"frame type 0x{(ulong)type:x} is not allowed after WELCOME");
            return FrameVerdict.Fault;
        }

        if (!GoAwayFrame.TryRead(payload, out var notice, out fault))
        {
            return FrameVerdict.Fault;
        }

        _goingAway.TrySetResult(new BrokerConnectionException("the node is going away", notice.Code, notice.Reason, retryable: true));
        return FrameVerdict.Continue;
    }

    private async Task ReadControlAsync()
    {
        try
        {
            while (await _controlInput.ReadAsync(this, null, null, CancellationToken.None).ConfigureAwait(false))
            {
            }

            if (_closing == 0 && !IsGoingAway)
            {
                await CloseAsync(ErrorCode.ProtocolViolation, "the control stream ended").ConfigureAwait(false);
            }
        }
        catch (FrameFaultException malformed)
        {
            await CloseAsync(malformed.Fault.Code, $"control stream: {malformed.Fault.Reason}").ConfigureAwait(false);
        }
        catch (BrokerStreamException error)
        {
            await CloseAsync(ErrorCode.ProtocolViolation, $"ERROR on the control stream: {error.Reason}").ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The connection has ended, and Closed says why; a control stream that is reset alone ends it too.
            await _quic.CloseAsync((long)ErrorCode.ProtocolViolation, "the control stream was reset").ConfigureAwait(false);
        }
        finally
        {
            _controlInput.Dispose();
        }
    }

    private async Task<BrokerConnectionException?> WatchAsync()
    {
        var info = await _quic.Closed.ConfigureAwait(false);
        return _ownReason ?? (_closing != 0 ? null : BrokerConnectionException.From("connection lost", info));
    }

    private async Task<BrokerConnectionException> WhyClosedAsync(string what, Exception exception)
    {
        try
        {
            var reason = await Closed.WaitAsync(s_closeNoticeTimeout).ConfigureAwait(false);
            return reason ?? new BrokerConnectionException(
                $"{what}: the client was disposed", ErrorCode.NoError, "", retryable: false, innerException: exception);
        }
        catch (TimeoutException)
        {
            // The transport failed an operation without ending the connection: report what it said.
            return exception is QuicTransportException transport
                ? BrokerConnectionException.From(what, transport)
                : new BrokerConnectionException(what, ErrorCode.InternalError, exception.Message, retryable: false, innerException: exception);
        }
    }
}
