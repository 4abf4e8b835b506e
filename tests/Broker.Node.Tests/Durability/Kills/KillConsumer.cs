using Broker.Client;

namespace Broker.Node.Tests.Durability.Kills;

/// <summary>What a consumer does with what it gets.</summary>
internal enum Habit
{
    /// <summary>Acks each message and waits for the confirmations.</summary>
    ConfirmOneByOne,

    /// <summary>Acks what came together and waits for the confirmation.</summary>
    ConfirmTogether,

    /// <summary>Acks, and never knows whether that was in time.</summary>
    Ack,

    /// <summary>Takes some messages and keeps them to the end.</summary>
    Hold,

    /// <summary>Takes some messages and leaves, again and again.</summary>
    HoldAndLeave,

    /// <summary>Puts messages back that were not put back often enough.</summary>
    Requeue,
}

/// <summary>Somebody who consumes one queue during one life of the node.</summary>
internal sealed class KillConsumer(string queue, Habit habit, NodeLife life, Random random)
{
    private const int MaxHeld = 60;
    private const int MaxVisits = 20;
    private const int MaxRequeues = 2;
    private readonly QueueHistory _history = life.History[queue];

    public async Task RunAsync()
    {
        await using var client = await life.ConnectAsync();
        for (var visits = 0; visits < MaxVisits; visits++)
        {
            await using var consumer = await client.SubscribeAsync(queue, Options(), life.End);
            await ConsumeAsync(consumer);
        }
    }

    private ConsumerOptions Options() => habit switch
    {
        Habit.ConfirmOneByOne or Habit.ConfirmTogether => new ConsumerOptions { ConfirmSettles = true, PrefetchMessages = random.Next(20, 2_000) },
        Habit.Hold or Habit.HoldAndLeave => new ConsumerOptions { PrefetchMessages = random.Next(2, MaxHeld) },
        _ => new ConsumerOptions { PrefetchMessages = random.Next(20, 500) },
    };

    private async Task ConsumeAsync(Consumer consumer)
    {
        var stream = new QueueHistory.Stream();
        var patience = random.Next(1, MaxHeld);
        for (var taken = 0; habit != Habit.HoldAndLeave || taken < patience;)
        {
            using var batch = await consumer.ReadBatchAsync(life.End);
            life.End.ThrowIfCancellationRequested();
            Assert.True(batch is not null, $"the node has ended the subscription to {queue}");
            var messages = new KillMessage[batch.Count];
            for (var i = 0; i < batch.Count; i++)
            {
                _history.Delivered(stream, batch[i].Body.Span, batch[i].Redelivered, batch[i].DeliveryCount, out messages[i]);
            }

            taken += batch.Count;
            await SettleAsync(batch, messages);
        }
    }

    private async Task SettleAsync(DeliveryBatch batch, KillMessage[] messages)
    {
        switch (habit)
        {
            case Habit.ConfirmOneByOne:
                await Task.WhenAll(batch.Select((delivery, i) => AckAndKnowAsync(delivery, messages[i])));
                break;
            case Habit.ConfirmTogether:
                Array.ForEach(messages, _history.Acking);
                await batch.AckAllAsync();
                for (var i = 0; i < batch.Count; i++)
                {
                    _history.AckConfirmed(messages[i], batch[i].DeliveryCount);
                }

                life.Count(batch.Count);
                break;
            case Habit.Ack:
                for (var i = 0; i < batch.Count; i++)
                {
                    await AckAsync(batch[i], messages[i]);
                }

                break;
            case Habit.Requeue:
                for (var i = 0; i < batch.Count; i++)
                {
                    await (batch[i].DeliveryCount < MaxRequeues ? batch[i].RequeueAsync() : AckAsync(batch[i], messages[i]));
                }

                break;
            default:
                break; // holds
        }
    }

    private async Task AckAndKnowAsync(Delivery delivery, KillMessage message)
    {
        _history.Acking(message);
        await delivery.AckAsync();
        _history.AckConfirmed(message, delivery.DeliveryCount);
        life.Count(1);
    }

    private ValueTask AckAsync(Delivery delivery, KillMessage message)
    {
        _history.Acking(message);
        life.Count(1);
        return delivery.AckAsync();
    }
}
