using Broker.Client;
using Broker.Node.Tests.Durability.Kills;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>Somebody who consumes one queue during one shift.</summary>
internal sealed class FaultConsumer(QueueLog queue, Habit habit, Random random)
{
    private const int MaxHeld = 40;
    private const int MaxRequeues = 2;

    /// <summary>Consumes until the shift ends.</summary>
    /// <exception cref="BrokerException">The library has given up, which it must not.</exception>
    public async Task RunAsync(BrokerClient client, CancellationToken end)
    {
        try
        {
            while (!end.IsCancellationRequested)
            {
                await using var consumer = await client.SubscribeAsync(queue.Name, Options(), end);
                await ConsumeAsync(consumer, end);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The shift is over.
        }
    }

    private ConsumerOptions Options() => habit switch
    {
        Habit.ConfirmOneByOne or Habit.ConfirmTogether => new ConsumerOptions { ConfirmSettles = true, PrefetchMessages = random.Next(20, 300) },
        Habit.Hold or Habit.HoldAndLeave => new ConsumerOptions { PrefetchMessages = random.Next(2, MaxHeld) },
        _ => new ConsumerOptions { PrefetchMessages = random.Next(20, 300) },
    };

    private async Task ConsumeAsync(Consumer consumer, CancellationToken end)
    {
        var stream = new QueueLog.Stream();
        var patience = random.Next(1, MaxHeld);
        for (var taken = 0; habit != Habit.HoldAndLeave || taken < patience;)
        {
            using var batch = await consumer.ReadBatchAsync(end);
            Assert.True(batch is not null, $"the subscription to {queue.Name} has ended without a reason");
            var messages = new FaultMessage[batch.Count];
            for (var i = 0; i < batch.Count; i++)
            {
                messages[i] = queue.Delivered(stream, batch[i].Body.Span, batch[i].Redelivered, batch[i].DeliveryCount);
            }

            taken += batch.Count;
            await SettleAsync(batch, messages);
        }
    }

    private async Task SettleAsync(DeliveryBatch batch, FaultMessage[] messages)
    {
        switch (habit)
        {
            case Habit.ConfirmOneByOne:
                await Task.WhenAll(batch.Select((delivery, i) => AckAndKnowAsync(delivery, messages[i])));
                break;
            case Habit.ConfirmTogether:
                await AckTogetherAsync(batch, messages);
                break;
            case Habit.Ack:
                for (var i = 0; i < batch.Count; i++)
                {
                    queue.Acking(messages[i]);
                    await batch[i].AckAsync();
                }

                break;
            case Habit.Requeue:
                for (var i = 0; i < batch.Count; i++)
                {
                    if (batch[i].DeliveryCount < MaxRequeues)
                    {
                        await batch[i].RequeueAsync();
                        continue;
                    }

                    queue.Acking(messages[i]);
                    await batch[i].AckAsync();
                }

                break;
            default:
                break; // holds
        }
    }

    private async Task AckAndKnowAsync(Delivery delivery, FaultMessage message)
    {
        queue.Acking(message);
        try
        {
            await delivery.AckAsync();
        }
        catch (BrokerException)
        {
            return; // unknown: the queue's leader or the connection is gone
        }

        queue.AckConfirmed(message, delivery.DeliveryCount);
    }

    private async Task AckTogetherAsync(DeliveryBatch batch, FaultMessage[] messages)
    {
        Array.ForEach(messages, queue.Acking);
        try
        {
            await batch.AckAllAsync();
        }
        catch (BrokerException)
        {
            return;
        }

        for (var i = 0; i < batch.Count; i++)
        {
            queue.AckConfirmed(messages[i], batch[i].DeliveryCount);
        }
    }
}
