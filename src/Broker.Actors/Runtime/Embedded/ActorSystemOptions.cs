namespace Broker.Actors.Runtime.Embedded;

/// <summary>Options of an <see cref="EmbeddedActorSystem"/>.</summary>
public sealed record ActorSystemOptions
{
    /// <summary>Clock of timers, timeouts and back-off. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where actors run. Default: the thread pool.</summary>
    public IActorDispatcher Dispatcher { get; init; } = ThreadPoolDispatcher.Instance;

    /// <summary>
    /// Bound of a mailbox in messages, unless <see cref="Props.WithMailbox"/> sets it; at least 1, default 10,000. It is a safety net: actors keep
    /// mailboxes short by credit. A full mailbox turns further messages into dead letters.
    /// </summary>
    public int MailboxCapacity { get; init; } = 10_000;

    /// <summary>
    /// Messages that an actor handles before its thread goes to the next actor, unless <see cref="Props.WithThroughput"/> sets it; at least 1,
    /// default 256.
    /// </summary>
    public int Throughput { get; init; } = 256;

    /// <summary>Seed of the back-off jitter; <c>null</c> draws one.</summary>
    public int? Seed { get; init; }

    /// <summary>
    /// Called for each fault, on the thread where it happened, so that the host can log it: short and thread-safe. What it throws is ignored.
    /// </summary>
    public Action<ActorFault>? OnFault { get; init; }
}
