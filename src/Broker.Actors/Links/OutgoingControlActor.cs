using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines.Links;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// The control stream of a link on the side that dialled: LINK_HELLO out, LINK_WELCOME in, then pings out, and in what answers them and how far the other node is. What is wrong here is wrong with the
/// whole link, which hears of it and ends.
/// </summary>
internal sealed class OutgoingControlActor(IQuicStream stream, NodeServices node, StreamStatus status, ActorRef link, long attempt, LinkGreeting greeting, NodeLinkOptions options, LinkStatus figures)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxHelloBytes)
{
    private LinkHeartbeat? _heartbeat;
    private long _start;
    private bool _sayHello = true;
    private ulong _ping;

    /// <summary>By the link's actor: the network says that nobody is there.</summary>
    public sealed class Unreachable
    {
        public static readonly Unreachable Instance = new();
    }

    private enum Signal
    {
        Begin,
        Tick,
    }

    private TimeSpan Now => Context.System.TimeProvider.GetElapsedTime(_start);

    protected override void PreStart()
    {
        base.PreStart();
        _start = Context.System.TimeProvider.GetTimestamp();
        Self.Tell(Signal.Begin); // so that a turn writes LINK_HELLO
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case Signal.Begin:
                break;
            case Signal.Tick when _heartbeat is not null:
                _ping = _heartbeat.HandleTick(Now);
                if (_heartbeat.IsSuspect)
                {
                    Context.Timers.CancelAll();
                    Report(Silence(_heartbeat.IsGone), _heartbeat.IsGone);
                }

                break;
            case Unreachable when _heartbeat is not null:
                _ping = _heartbeat.HandleUnreachable(Now);
                Context.Timers.StartPeriodic(Signal.Tick, Signal.Tick, options.PingInterval); // the next one is to be an interval away
                break;
            case Unreachable:
                break; // it has yet to answer for the first time, and not much time for that
            default:
                Unhandled(message);
                break;
        }
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        FrameFault fault;
        switch ((LinkFrameType)type)
        {
            case LinkFrameType.Welcome when _heartbeat is null:
                if (!LinkWelcomeFrame.TryRead(payload, out var welcome, out fault))
                {
                    return fault;
                }

                _heartbeat = new LinkHeartbeat(options.PingInterval, options.SuspicionTimeout, Now);
                Context.Timers.StartPeriodic(Signal.Tick, Signal.Tick, options.PingInterval);
                link.Tell(new NodeLinkActor.Greeted(attempt, welcome.Greeting), Self);
                return null;
            case LinkFrameType.Pong when _heartbeat is not null:
                if (!LinkPongFrame.TryRead(payload, out var pong, out fault))
                {
                    return fault;
                }

                if (!_heartbeat.HandlePong(pong.Number, Now))
                {
                    return new FrameFault(ErrorCode.ProtocolViolation, $"LINK_PONG {pong.Number} answers no open LINK_PING");
                }

                figures.RecordGap(_heartbeat.LongestGap);
                return null;
            case LinkFrameType.Applied when _heartbeat is not null:
                if (!LinkAppliedFrame.TryRead(payload, out var applied, out fault))
                {
                    return fault;
                }

                Node.Cluster?.Barrier.Note(figures.Node, (long)applied.Revision);
                return null;
            default:
                return LinkFaults.Unexpected(type, "control");
        }
    }

    protected override void WriteFrames()
    {
        if (_sayHello)
        {
            _sayHello = false;
            new LinkHelloFrame(greeting).Write(Output);
            MarkWritten();
        }

        if (_ping != 0)
        {
            new LinkPingFrame(_ping).Write(Output);
            _ping = 0;
            MarkWritten();
        }
    }

    protected override void EndForFault(FrameFault fault)
    {
        Report(fault);
        StopInput((long)fault.Code);
    }

    protected override void HandleInputEnded() => Report(new FrameFault(ErrorCode.Unavailable, "the other node has ended the control stream"));

    private FrameFault Silence(bool isGone)
    {
        var time = isGone ? options.PingInterval * LinkHeartbeat.IntervalsWhenUnreachable : options.SuspicionTimeout;
        return new FrameFault(ErrorCode.Unavailable, $"{(isGone ? "the network says that nothing listens there, and " : "")}no sign of life within {time.TotalSeconds:0.###} s");
    }

    private void Report(FrameFault fault, bool isGone = false) => link.Tell(new NodeLinkActor.Failed(attempt, fault, isGone), Self);
}
