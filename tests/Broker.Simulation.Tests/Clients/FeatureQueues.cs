using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Clients;

/// <summary>Queues with arguments, and messages with the properties that these act on.</summary>
internal static class FeatureQueues
{
    /// <summary>Longer than any delay, pause or time to live here, in seconds.</summary>
    public const int SecondsUntilAllIsDue = 25;

    /// <summary>Nothing leaves by itself, however often it comes back.</summary>
    public static QueueArguments Lasting { get; } = QueueArguments.None with { DeliveryLimit = -1 };

    /// <param name="random">Decides.</param>
    /// <param name="target">Where dead letters go; <c>null</c>: they are dropped.</param>
    public static QueueArguments Draw(Random random, string? target)
    {
        var arguments = random.Next(8) switch
        {
            0 => Lasting with { DeliveryLimit = random.Next(4) },
            1 => Lasting with { MaxLength = random.Next(2, 30), DeliveryLimit = random.Next(2) == 0 ? 20 : -1 },
            2 => Lasting with { MaxLength = random.Next(2, 30), Overflow = target is null || random.Next(2) == 0 ? OverflowBehavior.RejectPublish : OverflowBehavior.RejectPublishDeadLetter },
            3 => Lasting with { MessageTtl = random.Next(500, 8000) },
            4 => Lasting with
            {
                RetryBackoff = random.Next(2) == 0 ? RetryBackoff.Linear : RetryBackoff.Exponential,
                RetryDelay = random.Next(500, 3000),
                RetryMaxDelay = random.Next(3000, 20_000),
                DeliveryLimit = random.Next(3) == 0 ? 3 : -1,
            },
            5 => Lasting with { MaxPriority = random.Next(1, 6), MaxLength = random.Next(3) == 0 ? 200 : null },
            6 => Lasting with { DeduplicationWindow = random.Next(1000, 15_000) },
            _ => Lasting, // with messages that have delays and expirations of their own
        };
        return target is null ? arguments : arguments with { DeadLetterExchange = "", DeadLetterRoutingKey = target };
    }

    public static QueueArguments DrawLog(Random random) =>
        QueueArguments.None with { Kind = QueueKind.Log, MaxLengthBytes = random.Next(3) switch { 0 => null, 1 => random.Next(8, 40) << 10, _ => random.Next(80, 110) << 10 } };

    /// <summary>What a publisher says of a message.</summary>
    public static MessageProperties PropertiesFor(QueueHistory queue, Random random) => queue.IsLog ? new MessageProperties() : new MessageProperties
    {
        Delay = random.Next(IsForTimes(queue) ? 3 : 20) == 0 ? TimeSpan.FromMilliseconds(random.Next(1, 9000)) : null,
        Expiration = random.Next(IsForTimes(queue) ? 8 : 40) == 0 ? TimeSpan.FromMilliseconds(random.Next(300, 9000)) : null,
        Priority = queue.Arguments.MaxPriority is null ? null : (byte)random.Next(8),
        MessageId = queue.Arguments.DeduplicationWindow is null || random.Next(10) == 0 ? null : IdFor(queue, random),
    };

    private static bool IsForTimes(QueueHistory queue) => (queue.Arguments with { DeadLetterExchange = null, DeadLetterRoutingKey = null }) == Lasting;

    /// <summary>Every third one repeats one of those before.</summary>
    private static string IdFor(QueueHistory queue, Random random)
    {
        var known = queue.Fates.Count;
        var number = known > 0 && random.Next(3) == 0 ? Math.Max(0, known - random.Next(1, 12)) : known;
        return $"m{number}";
    }
}
