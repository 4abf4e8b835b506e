using System.Net;
using Broker.Actors.Runtime;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Links;

/// <summary>What a <see cref="NodeLinkActor"/> is told.</summary>
internal abstract record LinkMessage
{
    private LinkMessage()
    {
    }

    /// <summary>By anybody: tell me <see cref="LinkUp"/> and <see cref="LinkDown"/>, beginning with how it is now. Ends with the subscriber.</summary>
    public sealed record Subscribe(ActorRef Subscriber) : LinkMessage;

    /// <summary>
    /// By a shard's actor, after <see cref="LinkUp"/>: open the shard's stream. The answer is <see cref="ShardOpened"/> or <see cref="ShardClosed"/>. The stream ends with its owner.
    /// </summary>
    /// <param name="Shard">The shard's number.</param>
    /// <param name="Owner">Whose it is.</param>
    /// <param name="IsRoute">It is for the shard's queues, which answer with <see cref="ShardMessage"/>, and not for its log.</param>
    public sealed record OpenShard(int Shard, ActorRef Owner, bool IsRoute = false) : LinkMessage;

    /// <summary>By who knows the members: the node is to be dialled there from the next attempt on, which is now if none is under way.</summary>
    public sealed record Moved(IPEndPoint EndPoint) : LinkMessage;
}

/// <summary>To subscribers: the node can be reached. Followed by exactly one <see cref="LinkDown"/>.</summary>
/// <param name="Life">The node, and which of its lives answered.</param>
/// <param name="Store">Number of the store on its disk.</param>
internal sealed record LinkUp(NodeLife Life, Guid Store);

/// <summary>To subscribers: the node cannot be reached any more. What was sent and has not arrived is lost.</summary>
/// <param name="Life">As in <see cref="LinkUp"/>.</param>
/// <param name="Code">Why: UNAVAILABLE for silence or a broken connection, else the code that either side has closed it with.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="IsGone">The network says that nothing listens there, and nobody has answered since: the process has ended, and will not be back in a moment as it was.</param>
internal sealed record LinkDown(NodeLife Life, ErrorCode Code, string Reason, bool IsGone = false);

/// <summary>To the owner of a shard's stream: messages can be sent now.</summary>
/// <param name="To">The life that they go to.</param>
/// <param name="Sender">Belongs to the owner from now on.</param>
internal sealed record ShardOpened(NodeLife To, ShardSender Sender);

/// <summary>
/// To the owner of a shard's stream: messages have left, and there is room for as many bytes more. For <see cref="ShardSender.HandleRoom"/> of that sender, which may be one of the past.
/// </summary>
internal sealed record ShardRoom(ShardSender Sender, int Bytes);

/// <summary>To the owner of a shard's stream: it is not or no more open. Comes once for each <see cref="LinkMessage.OpenShard"/>, and last.</summary>
/// <param name="Shard">The shard's number.</param>
/// <param name="Code">
/// UNAVAILABLE: the link is down, or the stream broke. RESOURCE_LOCKED: it is open already. NO_ERROR: the owner has closed it. Else the code of the peer's refusal, such as NOT_FOUND for a
/// shard that has no receiver there.
/// </param>
/// <param name="Reason">Why, for people.</param>
internal sealed record ShardClosed(int Shard, ErrorCode Code, string Reason);

/// <summary>
/// To the receiver of a shard, or the owner of a stream for its queues: one message, in the order in which the other node sent it. To be answered to its sender with <see
/// cref="ShardTaken"/>.
/// </summary>
/// <param name="From">The life that sent it.</param>
/// <param name="Shard">The shard's number.</param>
/// <param name="Payload">The receiver's own copy.</param>
internal sealed record ShardMessage(NodeLife From, int Shard, ReadOnlyMemory<byte> Payload);

/// <summary>By the receiver of a shard, to who told it <see cref="ShardMessage"/>: so many of them are dealt with, and as many more may come.</summary>
internal sealed record ShardTaken(int Messages);
