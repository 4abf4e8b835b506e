namespace Broker.Machines.Tests.Queues;

/// <summary>One thing that happens to a durable queue. <paramref name="Who"/> is a publisher or a consumer; what <paramref name="X"/> and <paramref name="Y"/> mean depends on the kind.</summary>
internal readonly record struct DurableQueueStep(DurableQueueStep.Act Kind, int Who, int X, int Y)
{
    private static readonly Act[] Frequencies =
    [
        .. Enumerable.Repeat(Act.Publish, 24), .. Enumerable.Repeat(Act.Subscribe, 8), .. Enumerable.Repeat(Act.Grant, 20), .. Enumerable.Repeat(Act.Settle, 30),
        .. Enumerable.Repeat(Act.Cancel, 2), .. Enumerable.Repeat(Act.ConsumerGone, 3), Act.PublisherGone, .. Enumerable.Repeat(Act.Get, 8), .. Enumerable.Repeat(Act.Peek, 4), Act.Purge,
        .. Enumerable.Repeat(Act.Dispatch, 20), .. Enumerable.Repeat(Act.Commit, 14), .. Enumerable.Repeat(Act.Read, 20), Act.FailToRead, Act.Damage, Act.Lose,
        .. Enumerable.Repeat(Act.Memory, 3), .. Enumerable.Repeat(Act.Block, 2), Act.Restart, Act.Restart,
    ];

    internal enum Act
    {
        Publish,
        Subscribe,
        Grant,
        Settle,
        Cancel,
        ConsumerGone,
        PublisherGone,
        Get,
        Peek,
        Purge,
        Dispatch,
        Commit,
        Read,
        FailToRead,
        Damage,
        Lose,
        Memory,
        Block,
        Restart,
    }

    public static DurableQueueStep Generate(Random random) =>
        new(Frequencies[random.Next(Frequencies.Length)], random.Next(1, 4), random.Next(1 << 16), random.Next(1 << 16));
}
