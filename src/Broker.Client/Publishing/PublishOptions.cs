using Broker.Protocol;

namespace Broker.Client;

/// <summary>How to publish a message. Immutable; make one and use it for many messages.</summary>
public sealed record PublishOptions
{
    /// <summary>Durable, not mandatory, no properties.</summary>
    public static PublishOptions Default { get; } = new();

    /// <summary>
    /// Fail with <see cref="PublishReturnedException"/> if no queue takes the message. Default <c>false</c>: it is confirmed, counted and dropped.
    /// </summary>
    public bool Mandatory { get; init; }

    /// <summary>
    /// Keep the message across a restart or crash of the node, in queues that are durable; it is confirmed when it is on disk there. Default <c>true</c>;
    /// <c>false</c> marks it as transient. A durable queue keeps a transient message like a durable one; a transient queue keeps neither.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>What to say about the message. Default <c>null</c>: nothing.</summary>
    public MessageProperties? Properties { get; init; }

    internal PublishFlags Flags => (Mandatory ? PublishFlags.Mandatory : 0) | (Durable ? PublishFlags.Durable : 0);
}
