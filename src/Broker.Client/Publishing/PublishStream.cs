using Broker.Client.Connections;
using Broker.Client.Streams;
using Broker.Protocol;

namespace Broker.Client.Publishing;

/// <summary>What a publisher hears of its stream. Everything but <see cref="OnFramesHandled"/> is called under the gate.</summary>
internal interface IPublishStreamOwner
{
    /// <summary>Whether messages have no outcome, as far as one can tell without the gate.</summary>
    bool HasPending { get; }

    bool OnReady(PublisherReadyFrame ready, out FrameFault fault);

    bool OnConfirm(List<SequenceRange> ranges, out FrameFault fault);

    bool OnFailure(in PublishFailure failure, out FrameFault fault);

    void OnFramesHandled();

    void OnBufferTaken();
}

/// <summary>One publish stream (docs/protocol.md, section 7), one of several that a publisher may have in its life, one after the other.</summary>
internal sealed class PublishStream : FrameStream
{
    private readonly IPublishStreamOwner _owner;
    private readonly List<SequenceRange> _ranges = [];
    private bool _isReady;

    public PublishStream(BrokerConnection connection, string producerId, Lock gate, IPublishStreamOwner owner)
        : base(connection, StreamKind.Publish, ProtocolLimits.MaxControlFrameBytes, "publisher", gate)
    {
        _owner = owner;
        new PublisherOpenFrame(producerId).Write(Sender.Buffer);
    }

    public override bool IsOwed => !_isReady || _owner.HasPending;

    /// <summary>Under the gate: where to write frames; call <see cref="Send"/> after.</summary>
    public SendBuffer Buffer => Sender.Buffer;

    /// <summary>Under the gate: there is something to send.</summary>
    public void Send() => Sender.Signal();

    /// <summary>Under the gate: FIN follows what is written.</summary>
    public void Complete() => Sender.Complete();

    protected override bool OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        switch (type)
        {
            case FrameType.Confirm:
                return ConfirmFrame.TryRead(payload, _ranges, out fault) && _owner.OnConfirm(_ranges, out fault);
            case FrameType.Return:
                return ReturnFrame.TryRead(payload, out var returned, out fault)
                    && _owner.OnFailure(new PublishFailure(returned.Sequence, true, returned.Code, returned.Reason), out fault);
            case FrameType.Reject:
                return RejectFrame.TryRead(payload, out var rejected, out fault)
                    && _owner.OnFailure(new PublishFailure(rejected.Sequence, false, rejected.Code, rejected.Reason), out fault);
            case FrameType.PublisherReady when !_isReady:
                _isReady = true;
                return PublisherReadyFrame.TryRead(payload, out var ready, out fault) && _owner.OnReady(ready, out fault);
            case FrameType.Blocked:
                return BlockedFrame.TryRead(payload, out _, out fault);
            case FrameType.Unblocked:
                return UnblockedFrame.TryRead(payload, out _, out fault);
            default:
                return Unexpected(type, out fault);
        }
    }

    protected override void OnFramesHandled() => _owner.OnFramesHandled();

    protected override void OnBufferTaken() => _owner.OnBufferTaken();

    protected override void OnEnded(BrokerException reason)
    {
        // The owner waits for the end, and decides what follows.
    }
}
