namespace Broker.Protocol;

/// <summary>What a stream is for: the first varint on each stream that a client opens (docs/protocol.md, section 3).</summary>
public enum StreamKind : ulong
{
    /// <summary>HELLO and WELCOME; exactly one, the first of its connection, open as long as the connection.</summary>
    Control = 1,

    /// <summary>Messages to the broker, outcomes back.</summary>
    Publish = 2,

    /// <summary>Messages from one queue, settlements back.</summary>
    Consume = 3,

    /// <summary>Declare, delete, bind, purge and get, answered in order.</summary>
    Request = 4,

    /// <summary>Raw bytes that come back as they went, for diagnosis.</summary>
    Echo = 5,

    /// <summary>Commands of <c>pbm</c>, answered with rows.</summary>
    Admin = 6,
}
