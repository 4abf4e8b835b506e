namespace Broker.Protocol;

/// <summary>
/// The type of a frame (docs/protocol.md, section 4). Which kind of stream has which frame, and who sends it, is in the sections on each kind.
/// </summary>
public enum FrameType : ulong
{
    /// <summary>Control, client: the first frame of a connection.</summary>
    Hello = 0x01,

    /// <summary>Control, server: the answer to HELLO.</summary>
    Welcome = 0x02,

    /// <summary>Control, server: finish and reconnect elsewhere.</summary>
    GoAway = 0x03,

    /// <summary>Any kind but echo, server: the stream is over.</summary>
    Error = 0x04,

    /// <summary>Publish, client: the first frame.</summary>
    PublisherOpen = 0x10,

    /// <summary>Publish, server: the answer to PUBLISHER_OPEN.</summary>
    PublisherReady = 0x11,

    /// <summary>Publish, client: one message.</summary>
    Publish = 0x12,

    /// <summary>Publish, server: these messages are safe.</summary>
    Confirm = 0x13,

    /// <summary>Publish, server: a mandatory message found no queue.</summary>
    Return = 0x14,

    /// <summary>Publish, server: a message was not taken.</summary>
    Reject = 0x15,

    /// <summary>Publish, server: the server has stopped reading this stream for now.</summary>
    Blocked = 0x16,

    /// <summary>Publish, server: the server reads this stream again.</summary>
    Unblocked = 0x17,

    /// <summary>Consume, client: the first frame.</summary>
    Subscribe = 0x20,

    /// <summary>Consume, server: the answer to SUBSCRIBE.</summary>
    Subscribed = 0x21,

    /// <summary>Consume, server: one message.</summary>
    Deliver = 0x22,

    /// <summary>Consume, client: more messages and bytes may come.</summary>
    Credit = 0x23,

    /// <summary>Consume and request, client: what became of messages.</summary>
    Settle = 0x24,

    /// <summary>Consume, server: settlements are in effect.</summary>
    Settled = 0x25,

    /// <summary>Consume, client: send no more.</summary>
    Cancel = 0x26,

    /// <summary>Consume, server: no more will come.</summary>
    Cancelled = 0x27,

    /// <summary>Request, client.</summary>
    DeclareExchange = 0x30,

    /// <summary>Request, client.</summary>
    DeleteExchange = 0x31,

    /// <summary>Request, client.</summary>
    DeclareQueue = 0x32,

    /// <summary>Request, client.</summary>
    DeleteQueue = 0x33,

    /// <summary>Request, client.</summary>
    PurgeQueue = 0x34,

    /// <summary>Request, client.</summary>
    Bind = 0x35,

    /// <summary>Request, client.</summary>
    Unbind = 0x36,

    /// <summary>Request, client.</summary>
    Get = 0x37,

    /// <summary>Request, server: done.</summary>
    Ok = 0x40,

    /// <summary>Request, server: the queue as it is now.</summary>
    QueueOk = 0x41,

    /// <summary>Request, server: done to so many messages.</summary>
    CountOk = 0x42,

    /// <summary>Request, server: a message.</summary>
    GetOk = 0x43,

    /// <summary>Request, server: the queue has no message ready.</summary>
    GetEmpty = 0x44,

    /// <summary>Request, server: not done; the stream goes on.</summary>
    RequestError = 0x4F,

    /// <summary>Admin, client: one command.</summary>
    AdminRequest = 0x50,

    /// <summary>Admin, server: one row of the answer.</summary>
    AdminRow = 0x51,

    /// <summary>Admin, server: the end of the answer.</summary>
    AdminEnd = 0x52,
}
