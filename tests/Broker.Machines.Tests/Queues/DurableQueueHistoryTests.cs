using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Queues;

/// <summary>
/// Whatever happens to a durable queue, in whatever order, with a slow disk and hardly any memory: what it says has happened is what has happened, and nothing of that depends on what
/// is in memory.
/// </summary>
public class DurableQueueHistoryTests
{
    private static readonly QueueLimits Tiny = new()
    {
        MaxLoadedBytes = 60, MinLoadedBytes = 20, MaxLoadedMessages = 12, ReadAheadBytes = 15, MaxUncertainBytes = 80, MaxUnsettledMessages = 6,
    };

    private static readonly QueueLimits Small = new()
    {
        MaxLoadedBytes = 120, MinLoadedBytes = 60, MaxLoadedMessages = 64, ReadAheadBytes = 40, MaxUncertainBytes = 1_000, MaxUnsettledMessages = 100,
    };

    [Fact]
    public void A_queue_with_hardly_any_memory_does_what_the_model_says() => RandomHistories.Check(5_000, 80, DurableQueueStep.Generate, steps => Check(steps, Tiny));

    [Fact]
    public void A_queue_with_little_memory_does_what_the_model_says() => RandomHistories.Check(1_200, 200, DurableQueueStep.Generate, steps => Check(steps, Small));

    private static void Check(IReadOnlyList<DurableQueueStep> steps, QueueLimits limits)
    {
        var run = new DurableQueueRun(limits);
        foreach (var step in steps)
        {
            run.Perform(step);
            if (step.X % 3 > 0)
            {
                run.Perform(step with { Kind = DurableQueueStep.Act.Dispatch });
            }
        }

        run.Finish();
    }
}
