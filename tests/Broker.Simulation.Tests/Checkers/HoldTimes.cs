using Broker.Machines.Queues;

namespace Broker.Simulation.Tests.Checkers;

/// <summary>A message that is held back, by its own delay or before the next try, is not delivered before its time, over restarts as well.</summary>
internal static class HoldTimes
{
    public static void Check(QueueHistory queue, MessageId id, MessageFate fate)
    {
        var now = queue.Now;
        if (fate.Properties?.Delay is { } delay)
        {
            Assert.True(now.Milliseconds >= fate.SentAt + delay.TotalMilliseconds, $"'{queue.Name}': {id} comes at {now.Milliseconds}, before its delay of {delay} is over: {queue.StoryOf(id)}");
        }

        if (fate.Returned is { } returned && (returned.IsCertain || returned.Life == now.Life) && PauseAfter(queue.Arguments, returned.Deliveries) is var pause)
        {
            Assert.True(now.Milliseconds >= returned.At + pause, $"'{queue.Name}': {id} was sent back at {returned.At} and comes at {now.Milliseconds}, not {pause} ms later: {queue.StoryOf(id)}");
        }
    }

    private static double PauseAfter(QueueArguments arguments, int deliveries) => arguments.RetryBackoff switch
    {
        RetryBackoff.Linear => Math.Min(arguments.RetryMaxDelay!.Value, (double)arguments.RetryDelay!.Value * deliveries),
        RetryBackoff.Exponential => Math.Min(arguments.RetryMaxDelay!.Value, arguments.RetryDelay!.Value * Math.Pow(2, deliveries - 1)),
        _ => 0,
    };
}
