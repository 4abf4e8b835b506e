using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Queues.Features;

/// <summary>
/// Whatever happens to a queue with features, in whatever order, with restarts in between and hardly any memory: it does what a model says that knows nothing of disks and memory, and whoever
/// applies its records has the same ledger.
/// </summary>
public class QueueFeatureHistoryTests
{
    private const int Histories = 10_000;

    private static readonly QueueSettings DeadLetters = new() { DeadLetters = true };

    private static readonly QueueSettings[] Refusing =
    [
        new() { MaxLength = 3, Overflow = OverflowBehavior.RejectPublish },
        new() { MaxLengthBytes = 40, Overflow = OverflowBehavior.RejectPublish, DeadLetters = true },
        new() { MaxLength = 2, Overflow = OverflowBehavior.RejectPublishDeadLetter, DeadLetters = true },
        new() { MaxLength = 5, DeadLetters = true },
        new(),
    ];

    [Fact]
    public void Messages_are_handed_out_in_order_when_some_are_held_back() => Check(new FeatureProfile(new QueueSettings()) { Delays = [0, 0, 0, 10, 30] });

    [Fact]
    public void Messages_live_as_long_as_they_may() => Check(new FeatureProfile(
        new QueueSettings { MessageTtl = 40 },
        new QueueSettings { MessageTtl = 10, DeadLetters = true },
        new QueueSettings()) { Expirations = [null, null, 5, 20, 70] });

    [Fact]
    public void Queues_keep_to_their_limits() => Check(new FeatureProfile(
        new QueueSettings { MaxLength = 4 },
        new QueueSettings { MaxLength = 3, DeadLetters = true },
        new QueueSettings { MaxLength = 6, Overflow = OverflowBehavior.RejectPublish },
        new QueueSettings { MaxLength = 5, Overflow = OverflowBehavior.RejectPublishDeadLetter, DeadLetters = true },
        new QueueSettings()));

    [Fact]
    public void Queues_keep_to_their_limits_of_bytes() => Check(new FeatureProfile(
        new QueueSettings { MaxLengthBytes = 60, DeadLetters = true },
        new QueueSettings { MaxLengthBytes = 30 },
        new QueueSettings { MaxLengthBytes = 50, Overflow = OverflowBehavior.RejectPublish },
        new QueueSettings { MaxLengthBytes = 40, Overflow = OverflowBehavior.RejectPublishDeadLetter, DeadLetters = true }));

    [Fact]
    public void A_queue_that_refuses_says_the_same_of_a_message_again() => Check(new FeatureProfile(Refusing));

    [Fact]
    public void So_does_one_that_ends_with_the_process() => Check(new FeatureProfile(Refusing) { Durable = false, Limits = new QueueLimits() });

    [Fact]
    public void Higher_priorities_come_first() => Check(new FeatureProfile(
        new QueueSettings { MaxPriority = 9 },
        new QueueSettings { MaxPriority = 9, MaxLength = 8, DeadLetters = true }) { Priorities = [0, 0, 1, 5, 9, 200] });

    [Fact]
    public void Dead_letters_stay_until_they_have_arrived() => Check(new FeatureProfile(
        DeadLetters with { DeliveryLimit = 1 },
        DeadLetters with { DeliveryLimit = 0, RetryBackoff = RetryBackoff.Linear, RetryDelay = 10 },
        new QueueSettings { DeliveryLimit = 2, RetryBackoff = RetryBackoff.Exponential, RetryDelay = 8, RetryMaxDelay = 20 },
        DeadLetters with { MessageTtl = 30 }));

    [Fact]
    public void Groups_stay_in_order_and_with_one_consumer() => Check(new FeatureProfile(
        new QueueSettings { MessageGroups = true, RetryBackoff = RetryBackoff.Linear, RetryDelay = 20 },
        new QueueSettings { MessageGroups = true })
    {
        Groups = [null, "a", "a", "b", "c"], Limits = new QueueLimits { MaxLoadedBytes = 16_000, MinLoadedBytes = 8_000, ReadAheadBytes = 40 },
    });

    [Fact]
    public void Groups_stay_in_order_with_priorities_and_hardly_any_memory() => Check(new FeatureProfile(
        new QueueSettings { MessageGroups = true, MaxPriority = 5 },
        new QueueSettings { MessageGroups = true, MaxPriority = 5, RetryBackoff = RetryBackoff.Linear, RetryDelay = 10 },
        new QueueSettings { MessageGroups = true, MaxPriority = 5, MaxLength = 9, DeadLetters = true })
    {
        Groups = [null, "a", "a", "b"], Priorities = [0, 0, 3],
    });

    [Fact]
    public void Of_each_key_the_newest_stays_and_of_each_id_the_first() => Check(new FeatureProfile(
        new QueueSettings { Conflate = true, DeduplicationWindow = 60 },
        new QueueSettings { Conflate = true, DeduplicationWindow = 30, MaxLength = 5, DeadLetters = true },
        new QueueSettings { Conflate = true, RetryBackoff = RetryBackoff.Linear, RetryDelay = 10 })
    {
        Groups = [null, "a", "b", "c", "d"], Ids = [null, null, "1", "2", "3", "4"], Delays = [0, 0, 0, 20],
    });

    [Fact]
    public void All_of_it_goes_together() => Check(new FeatureProfile(
        DeadLetters with { MaxPriority = 4, MessageTtl = 60, MaxLength = 12, DeliveryLimit = 2 },
        DeadLetters with { MaxPriority = 4, RetryBackoff = RetryBackoff.Linear, RetryDelay = 10, DeliveryLimit = 3 },
        new QueueSettings { MaxPriority = 4, MaxLengthBytes = 90 })
    {
        Priorities = [0, 0, 2, 9], Expirations = [null, null, null, 25, 80], Delays = [0, 0, 0, 15],
    });

    [Fact]
    public void A_queue_that_ends_with_the_process_does_the_same() => Check(new FeatureProfile(
        DeadLetters with { MaxPriority = 4, MessageTtl = 60, MaxLength = 12, DeliveryLimit = 2 },
        DeadLetters with { MaxPriority = 4, RetryBackoff = RetryBackoff.Linear, RetryDelay = 10, DeliveryLimit = 3 },
        new QueueSettings { MaxPriority = 4, MaxLengthBytes = 90 })
    {
        Priorities = [0, 0, 2, 9], Expirations = [null, null, null, 25, 80], Delays = [0, 0, 0, 15], Durable = false, Limits = new QueueLimits(),
    });

    private static void Check(FeatureProfile profile) => RandomHistories.Check(Histories, 40, FeatureStep.Generate, steps =>
    {
        var run = new FeatureRun(profile);
        foreach (var step in steps)
        {
            run.Perform(step);
        }

        run.Finish();
    });
}
