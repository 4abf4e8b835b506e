using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// The control stream of a link on the side that accepted: LINK_HELLO in, LINK_WELCOME out, then answers to pings and how far this node is. What is wrong here is wrong with the whole connection.
/// </summary>
internal sealed class IncomingControlActor(IQuicStream stream, NodeServices node, StreamStatus status, ActorRef connection)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxHelloBytes)
{
    private bool _greeted;
    private bool _welcomed;
    private LinkWelcomeFrame? _welcome;
    private ulong _pinged;
    private ulong _answered;
    private IDisposable? _listening;
    private long _applied; // to be told; 0: nothing is

    /// <summary>By the connection's actor: the other node is accepted.</summary>
    public sealed record Accepted(LinkWelcomeFrame Welcome);

    /// <summary>By itself: this node routes by everything up to a revision.</summary>
    private sealed record Applied(long Revision);

    protected override void PostStop()
    {
        _listening?.Dispose();
        base.PostStop();
    }

    protected override void ReceiveMessage(object message)
    {
        if (message is Accepted accepted)
        {
            var self = Self;
            _welcome = accepted.Welcome;
            _listening = Node.Cluster?.Barrier.Listen(revision => self.Tell(new Applied(revision)));
        }
        else if (message is Applied applied)
        {
            _applied = Math.Max(_applied, applied.Revision);
        }
        else
        {
            base.ReceiveMessage(message);
        }
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        FrameFault fault;
        switch ((LinkFrameType)type)
        {
            case LinkFrameType.Hello when !_greeted:
                if (!LinkHelloFrame.TryRead(payload, out var hello, out fault))
                {
                    return fault;
                }

                _greeted = true;
                Status.Subject = hello.Greeting.Node;
                connection.Tell(new IncomingLinkActor.Hello(hello.Greeting), Self);
                return null;
            case LinkFrameType.Ping when _welcomed:
                if (!LinkPingFrame.TryRead(payload, out var ping, out fault))
                {
                    return fault;
                }

                if (ping.Number <= _pinged)
                {
                    return new FrameFault(ErrorCode.ProtocolViolation, $"LINK_PING {ping.Number} came after LINK_PING {_pinged}");
                }

                _pinged = ping.Number;
                return null;
            default:
                return LinkFaults.Unexpected(type, "control");
        }
    }

    protected override void WriteFrames()
    {
        if (_welcome is { } welcome)
        {
            _welcome = null;
            _welcomed = true;
            welcome.Write(Output);
            MarkWritten();
        }

        if (_applied > 0)
        {
            new LinkAppliedFrame((ulong)_applied).Write(Output);
            _applied = 0;
            MarkWritten();
        }

        if (_answered != _pinged)
        {
            _answered = _pinged; // one answer stands for all pings that have come together
            new LinkPongFrame(_answered).Write(Output);
            MarkWritten();
        }
    }

    protected override void EndForFault(FrameFault fault)
    {
        connection.Tell(new IncomingLinkActor.Ending(fault), Self);
        StopInput((long)fault.Code);
    }

    protected override void HandleInputEnded() =>
        connection.Tell(new IncomingLinkActor.Ending(new FrameFault(ErrorCode.NoError, "the other node has ended its control stream")), Self);
}
