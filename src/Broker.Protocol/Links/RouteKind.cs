namespace Broker.Protocol.Links;

/// <summary>What a <see cref="RouteMessage"/> says. Those below <see cref="Published"/> go to the node that leads the shard, the others come from it.</summary>
public enum RouteKind : ulong
{
    /// <summary>The first of a peer: text is the queue's name.</summary>
    PeerOpen = 0x01,

    /// <summary>The last of a peer: what it holds goes back to the queue.</summary>
    PeerGone = 0x02,

    /// <summary>Messages for the queue: number is the batch's, text the producer's lasting name, each item's number the producer's sequence.</summary>
    Publish = 0x03,

    /// <summary>Subscribe: bit 0 exclusive, bit 1 no-ack; number is the longest message that the consumer takes; an item has the encoded table of arguments, if there are any.</summary>
    Subscribe = 0x04,

    /// <summary>So many messages and bytes more.</summary>
    Grant = 0x05,

    /// <summary>What became of deliveries: bits 0 and 1 are the outcome, bit 2 asks for certainty; text is why they are rejected.</summary>
    Settle = 0x06,

    /// <summary>No more deliveries.</summary>
    Cancel = 0x07,

    /// <summary>One message: bit 0 no-ack; number is the longest one that is taken.</summary>
    Get = 0x08,

    /// <summary>Drop what is ready.</summary>
    Purge = 0x09,

    /// <summary>Show so many.</summary>
    Peek = 0x0a,

    /// <summary>Is the queue there?</summary>
    Start = 0x0b,

    /// <summary>Delete the queue: bit 0 if it is unused, bit 1 if it is empty, bit 2 if nobody has used it since it has asked to be deleted.</summary>
    Delete = 0x0c,

    /// <summary>Hand out nothing (bit 0), or go on.</summary>
    Pause = 0x0d,

    /// <summary>Show so many that wait for their time.</summary>
    PeekDelayed = 0x0e,

    /// <summary>Messages for an inbox, whose name is the text: number is that of this message.</summary>
    Inbox = 0x0f,

    /// <summary>The batch with that number is in the queue, but for what is refused.</summary>
    Published = 0x20,

    /// <summary>The batch with that number waits; the fault's reason says why.</summary>
    Parked = 0x21,

    /// <summary>The subscription stands, or why not.</summary>
    Subscribed = 0x22,

    /// <summary>Messages: each item's number is its tag.</summary>
    Deliver = 0x23,

    /// <summary>The oldest settlement that was not answered is done, or why not.</summary>
    Settled = 0x24,

    /// <summary>No delivery follows.</summary>
    Cancelled = 0x25,

    /// <summary>The subscription has ended.</summary>
    Refused = 0x26,

    /// <summary>The queue was deleted.</summary>
    QueueGone = 0x27,

    /// <summary>One message or none, or why none; number is what remains.</summary>
    Got = 0x28,

    /// <summary>So many were dropped, or why none.</summary>
    Purged = 0x29,

    /// <summary>The first messages, or why none.</summary>
    Peeked = 0x2a,

    /// <summary>The queue is there: number is what is ready, second number its consumers.</summary>
    Started = 0x2b,

    /// <summary>The queue is deleted, with so many messages.</summary>
    Deleted = 0x2c,

    /// <summary>START or DELETE is refused.</summary>
    NotDone = 0x2d,

    /// <summary>The last of a peer: the queue is not, or no more, here. Nothing that is unanswered will be answered.</summary>
    PeerOver = 0x2e,

    /// <summary>Whether the queue hands out nothing (1 or 0), or why that is as it was.</summary>
    Paused = 0x2f,

    /// <summary>The first messages that wait for their time, which each item's number is, or why none.</summary>
    Delayed = 0x30,
}
