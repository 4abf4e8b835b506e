using Broker.Actors.Runtime;
using Broker.Machines.Queues;

namespace Broker.Actors.Queues;

/// <summary>
/// What a queue has to tell, in order, each held back until the queue's records up to a number are certain. Of a queue that is not durable, all are.
/// </summary>
internal sealed class QueueOutbox(Action<QueueEffect> perform)
{
    private readonly Queue<Item> _fresh = new(); // since the last record: it is not known yet which one it depends on
    private readonly Queue<(ulong Index, Item Item)> _held = new();

    /// <summary>An effect, a message with its receiver, or an action.</summary>
    public readonly record struct Item(QueueEffect? Effect, ActorRef? Receiver, object? Message, Action? Action);

    /// <summary>Things that wait.</summary>
    public int HeldCount => _held.Count;

    public void Add(QueueEffect effect) => _fresh.Enqueue(new Item(effect, null, null, null));

    public void Add(ActorRef receiver, object message) => _fresh.Enqueue(new Item(null, receiver, message, null));

    public void Add(Action action) => _fresh.Enqueue(new Item(null, null, null, action));

    /// <summary>Carries out what may be: everything added so far depends on records up to one number, and those up to another are certain.</summary>
    /// <param name="dependsOn">Number of the queue's last record.</param>
    /// <param name="certain">Number of the last one that is on the disk.</param>
    /// <param name="self">Who tells.</param>
    public void Release(ulong dependsOn, ulong certain, ActorRef self)
    {
        while (_held.TryPeek(out var next) && next.Index <= certain)
        {
            _held.Dequeue();
            Perform(next.Item, self);
        }

        while (_fresh.TryDequeue(out var item))
        {
            if (_held.Count == 0 && dependsOn <= certain)
            {
                Perform(item, self);
            }
            else
            {
                _held.Enqueue((dependsOn, item));
            }
        }
    }

    /// <summary>Nothing will become certain any more.</summary>
    /// <returns>What will not be carried out, in order.</returns>
    public IReadOnlyList<Item> GiveUp()
    {
        List<Item> items = [.. _held.Select(h => h.Item), .. _fresh];
        _held.Clear();
        _fresh.Clear();
        return items;
    }

    private void Perform(in Item item, ActorRef self)
    {
        if (item.Effect is not null)
        {
            perform(item.Effect);
        }
        else if (item.Receiver is not null)
        {
            item.Receiver.Tell(item.Message!, self);
        }
        else
        {
            item.Action!();
        }
    }
}
