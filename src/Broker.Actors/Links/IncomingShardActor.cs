using System.Collections.Concurrent;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// A shard's stream on the side that receives. It hands messages to the shard's receiver, no more than that one takes; while it does not, the stream is not read, and QUIC's flow control
/// holds up the sender of this shard and nobody else.
/// </summary>
internal sealed class IncomingShardActor(
    IQuicStream stream, NodeServices node, StreamStatus status, NodeLife from, ShardReceivers receivers, ConcurrentDictionary<int, IncomingShardActor> open, NodeLinkOptions options)
    : FrameStreamActor(stream, node, status, options.MaxFrameBytes)
{
    private readonly Queue<int> _untaken = new(); // costs, in the order in which they were handed over
    private ActorRef? _receiver;
    private int _shard;
    private long _untakenBytes;

    protected override bool MayHandleFrames => _untakenBytes < options.ReceiveRoomBytes;

    protected override void PostStop()
    {
        open.TryRemove(KeyValuePair.Create(_shard, this));
        base.PostStop();
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case ShardTaken m:
                Invariant.That(m.Messages <= _untaken.Count, $"the receiver of shard {_shard} says that it has taken {m.Messages} messages; it was given {_untaken.Count}");
                for (var taken = 0; taken < m.Messages; taken++)
                {
                    _untakenBytes -= _untaken.Dequeue();
                }

                break;
            case Terminated:
                Fail(new FrameFault(ErrorCode.Unavailable, $"the receiver of shard {_shard} has ended"));
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        switch ((LinkFrameType)type)
        {
            case LinkFrameType.ShardOpen when _receiver is null:
                return ShardOpenFrame.TryRead(payload, out var opened, out var fault) ? Open(opened.Shard) : fault;
            case LinkFrameType.ShardMessage when _receiver is not null:
                ReadOnlyMemory<byte> message = payload.ToArray();
                _untaken.Enqueue(ShardCost.Of(message));
                _untakenBytes += ShardCost.Of(message);
                _receiver.Tell(new ShardMessage(from, _shard, message), Self);
                return null;
            default:
                return LinkFaults.Unexpected(type, "shard");
        }
    }

    private FrameFault? Open(int shard)
    {
        if (receivers.Find(shard) is not { } receiver)
        {
            return new FrameFault(ErrorCode.NotFound, $"nobody takes messages of shard {shard} here");
        }

        if (!open.TryAdd(shard, this))
        {
            return new FrameFault(ErrorCode.ResourceLocked, $"shard {shard} has a stream already; its messages would lose their order");
        }

        _shard = shard;
        _receiver = receiver;
        Status.Subject = $"shard {shard}";
        Context.Watch(receiver);
        return null;
    }
}
