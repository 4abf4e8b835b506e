using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Connections;

/// <summary>The control stream: HELLO in, WELCOME out. What is wrong here is wrong with the whole connection, and so is its end.</summary>
/// <param name="stream">The stream.</param>
/// <param name="node">The node.</param>
/// <param name="status">Its figures.</param>
/// <param name="connection">The connection's actor.</param>
/// <param name="welcome">What to answer.</param>
/// <param name="enter">Makes the connection one to a vhost, or says why it cannot be. Called on any thread.</param>
internal sealed class ControlStreamActor(
    IQuicStream stream, NodeServices node, StreamStatus status, ActorRef connection, WelcomeFrame welcome, Func<string, FrameFault?> enter)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxHelloBytes)
{
    private bool _greeted;
    private bool _sayWelcome;
    private string _clientName = "";
    private string _vhost = "";
    private int _clientMaxMessageBytes;

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        if (type != FrameType.Hello)
        {
            return Unexpected(type, StreamKind.Control);
        }

        if (_greeted)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "HELLO came twice");
        }

        if (!HelloFrame.TryRead(payload, out var hello, out var fault))
        {
            return fault;
        }

        if (hello.Version != ProtocolInfo.Version)
        {
            return new FrameFault(ErrorCode.UnsupportedVersion, $"the client speaks version {hello.Version}; this node speaks {ProtocolInfo.Version}");
        }

        if (enter(hello.Vhost) is { } refusal)
        {
            return refusal;
        }

        _greeted = _sayWelcome = true;
        _vhost = hello.Vhost;
        _clientName = hello.ClientName;
        _clientMaxMessageBytes = hello.MaxMessageBytes;
        Status.Subject = hello.ClientName;
        return null;
    }

    protected override void WriteFrames()
    {
        if (_sayWelcome)
        {
            _sayWelcome = false;
            welcome.Write(Output);
            MarkWritten();
            connection.Tell(new BrokerConnectionActor.Welcomed(_clientName, _vhost, _clientMaxMessageBytes), Self);
        }
    }

    protected override void EndForFault(FrameFault fault)
    {
        connection.Tell(new BrokerConnectionActor.Ending(fault), Self);
        StopInput((long)fault.Code);
    }

    /// <summary>A client that ends its control stream is done with the connection.</summary>
    protected override void HandleInputEnded() =>
        connection.Tell(new BrokerConnectionActor.Ending(new FrameFault(ErrorCode.NoError, "the client has ended its control stream")), Self);
}
