using Broker.Actors.Runtime;
using Broker.Machines;
using Broker.Protocol.Links;

namespace Broker.Actors.Links;

/// <summary>
/// The near end of a shard's stream in the hands of its owner, an actor, and to be used in that actor's turns alone. It knows how much the stream can still take: when the other node's shard
/// does not read, the room is used up and comes back with <see cref="ShardRoom"/>. Nothing is queued beyond it.
/// </summary>
internal sealed class ShardSender(ActorRef stream, int shard, int roomBytes, int maxMessageBytes)
{
    private int _room = roomBytes;

    /// <summary>The shard's number.</summary>
    public int Shard => shard;

    /// <summary>Whether a message can be sent. The last one may be larger than what is left.</summary>
    public bool HasRoom => _room > 0;

    /// <summary>Longest message that the other node takes, in bytes.</summary>
    public int MaxMessageBytes => maxMessageBytes;

    /// <summary>Sends one message, if there is room. The bytes must not change any more.</summary>
    /// <returns><c>false</c> if it was not sent; try again after <see cref="ShardRoom"/>.</returns>
    /// <exception cref="InvariantViolationException">It is longer than <see cref="MaxMessageBytes"/>.</exception>
    public bool TrySend(ReadOnlyMemory<byte> message)
    {
        Invariant.That(message.Length <= maxMessageBytes, $"a message of {message.Length} bytes for shard {shard}; the other node takes {maxMessageBytes}");
        if (!HasRoom)
        {
            return false;
        }

        return Send(new ShardOutbox.Send(message, null, ShardCost.Of(message)));
    }

    /// <summary>Sends something for a queue, if there is room.</summary>
    /// <param name="message">What.</param>
    /// <param name="sizeBytes">Its <see cref="RouteMessage.SizeBytes"/>, at most <see cref="MaxMessageBytes"/>.</param>
    /// <returns>As above.</returns>
    public bool TrySend(RouteMessage message, int sizeBytes)
    {
        Invariant.That(sizeBytes <= maxMessageBytes, $"a message of {sizeBytes} bytes for shard {shard}; the other node takes {maxMessageBytes}");
        return HasRoom && Send(new ShardOutbox.Send(default, message, sizeBytes + ShardCost.OverheadBytes));
    }

    /// <summary>Takes what the owner was told.</summary>
    public void HandleRoom(ShardRoom room) => _room += room.Bytes;

    /// <summary>Sends what was handed over and ends the stream. Nothing may be sent after it.</summary>
    public void Close() => stream.Tell(OutgoingShardActor.Close.Instance);

    /// <summary>Gives the stream up, and what was handed over with it.</summary>
    public void Abandon() => stream.Tell(OutgoingShardActor.Abandon.Instance);

    private bool Send(ShardOutbox.Send send)
    {
        _room -= send.Cost;
        stream.Tell(send);
        return true;
    }
}
