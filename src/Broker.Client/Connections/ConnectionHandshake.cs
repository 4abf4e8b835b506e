using Broker.Client.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Connections;

/// <summary>HELLO out, WELCOME in (docs/protocol.md, section 6).</summary>
internal sealed class ConnectionHandshake : IFrameHandler
{
    private WelcomeFrame? _welcome;

    private ConnectionHandshake()
    {
    }

    public static async Task<BrokerConnection> RunAsync(
        IQuicConnection quic, HelloFrame hello, IAsyncDisposable? transport, TimeProvider time, CancellationToken cancellationToken)
    {
        const string What = "handshake";
        var begun = time.GetTimestamp();
        var control = await quic.OpenStreamAsync(cancellationToken).ConfigureAwait(false);
        StreamHeader.Write(control.Output, StreamKind.Control);
        hello.Write(control.Output);
        await control.Output.FlushAsync(cancellationToken).ConfigureAwait(false);

        var input = new FrameInput(control.Input, ProtocolLimits.MaxHelloBytes, What);
        var handshake = new ConnectionHandshake();
        try
        {
            while (handshake._welcome is null)
            {
                if (!await input.ReadAsync(handshake, null, null, cancellationToken).ConfigureAwait(false) && handshake._welcome is null)
                {
                    throw new FrameFaultException(new FrameFault(ErrorCode.ProtocolViolation, "the control stream ended before WELCOME"));
                }
            }
        }
        catch (FrameFaultException malformed)
        {
            await quic.CloseAsync((long)malformed.Fault.Code, malformed.Fault.Reason).ConfigureAwait(false);
            throw new BrokerConnectionException(What, malformed.Fault.Code, malformed.Fault.Reason, retryable: false, innerException: malformed);
        }

        return new BrokerConnection(quic, control, input, handshake._welcome, hello, transport) { WelcomeTime = time.GetElapsedTime(begun) };
    }

    FrameVerdict IFrameHandler.OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (type != FrameType.Welcome)
        {
            fault = new FrameFault(ErrorCode.ProtocolViolation, $"frame type 0x{(ulong)type:x} came in place of WELCOME");
            return FrameVerdict.Fault;
        }

        return WelcomeFrame.TryRead(payload, out _welcome, out fault) ? FrameVerdict.Pause : FrameVerdict.Fault;
    }
}
