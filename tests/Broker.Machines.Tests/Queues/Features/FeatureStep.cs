namespace Broker.Machines.Tests.Queues.Features;

/// <summary>One thing that happens to a queue with features. <paramref name="Who"/> is a consumer; what <paramref name="X"/> and <paramref name="Y"/> mean depends on the kind.</summary>
internal readonly record struct FeatureStep(FeatureStep.Act Kind, int Who, int X, int Y)
{
    private static readonly Act[] Frequencies =
    [
        .. Enumerable.Repeat(Act.Publish, 30), .. Enumerable.Repeat(Act.Subscribe, 10), .. Enumerable.Repeat(Act.Grant, 20), .. Enumerable.Repeat(Act.Settle, 30),
        .. Enumerable.Repeat(Act.ConsumerGone, 3), .. Enumerable.Repeat(Act.Advance, 20), .. Enumerable.Repeat(Act.DeadLettered, 10), Act.Purge, .. Enumerable.Repeat(Act.Pause, 2),
        .. Enumerable.Repeat(Act.Settings, 3), .. Enumerable.Repeat(Act.Memory, 2), .. Enumerable.Repeat(Act.Restart, 4), .. Enumerable.Repeat(Act.Peek, 4),
    ];

    internal enum Act
    {
        Publish,
        Subscribe,
        Grant,
        Settle,
        ConsumerGone,
        Advance,
        DeadLettered,
        Purge,
        Pause,
        Settings,
        Memory,
        Restart,
        Peek,
    }

    public static FeatureStep Generate(Random random) =>
        new(Frequencies[random.Next(Frequencies.Length)], random.Next(1, 4), random.Next(1 << 16), random.Next(1 << 16));
}
