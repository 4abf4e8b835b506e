using Broker.Protocol;

namespace Broker.Client;

/// <summary>How to publish a message. Immutable; make one and use it for many messages.</summary>
public sealed record PublishOptions
{
    /// <summary>Not mandatory, not durable, no properties.</summary>
    public static PublishOptions Default { get; } = new();

    /// <summary>
    /// Fail with <see cref="PublishReturnedException"/> if no queue takes the message. Default <c>false</c>: it is confirmed, counted and dropped.
    /// </summary>
    public bool Mandatory { get; init; }

    /// <summary>Keep the message across a restart, in queues that survive one. Default <c>false</c>.</summary>
    public bool Durable { get; init; }

    /// <summary>What to say about the message. Default <c>null</c>: nothing.</summary>
    public MessageProperties? Properties { get; init; }

    internal PublishFlags Flags => (Mandatory ? PublishFlags.Mandatory : 0) | (Durable ? PublishFlags.Durable : 0);
}
