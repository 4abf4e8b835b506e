using Broker.Actors.Runtime;
using Broker.Machines;

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

        _room -= ShardCost.Of(message);
        stream.Tell(new OutgoingShardActor.Send(message));
        return true;
    }

    /// <summary>Takes what the owner was told.</summary>
    public void HandleRoom(ShardRoom room) => _room += room.Bytes;

    /// <summary>Sends what was handed over and ends the stream. Nothing may be sent after it.</summary>
    public void Close() => stream.Tell(OutgoingShardActor.Close.Instance);
}
