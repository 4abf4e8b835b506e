using Broker.Actors.Runtime;
using Broker.Machines.Queues;

namespace Broker.Actors.Queues;

/// <summary>Carries out what a queue's machine says.</summary>
internal interface IQueueEffects
{
    /// <summary>Carries out one effect.</summary>
    void Perform(QueueEffect effect);
}

/// <summary>
/// What a queue has to tell, in order, each held back until the queue's records up to a number are certain. Of a queue that is not durable, all are.
/// </summary>
internal sealed class QueueOutbox(IQueueEffects effects)
{
    private Queue<Item>? _fresh; // since the last record: it is not known yet which one it depends on
    private Queue<(ulong Index, Item Item)>? _held;
    private bool _isInUse;

    /// <summary>An effect, a message with its receiver, or an action.</summary>
    public readonly record struct Item(QueueEffect? Effect, ActorRef? Receiver, object? Message, Action? Action);

    /// <summary>Things that wait.</summary>
    public int HeldCount => _held?.Count ?? 0;

    public void Add(QueueEffect effect) => Add(new Item(effect, null, null, null));

    public void Add(ActorRef receiver, object message) => Add(new Item(null, receiver, message, null));

    public void Add(Action action) => Add(new Item(null, null, null, action));

    /// <summary>Carries out what may be: everything added so far depends on records up to one number, and those up to another are certain.</summary>
    /// <param name="dependsOn">Number of the queue's last record.</param>
    /// <param name="certain">Number of the last one that is on the disk.</param>
    /// <param name="self">Who tells.</param>
    public void Release(ulong dependsOn, ulong certain, ActorRef self)
    {
        while (_held is not null && _held.TryPeek(out var next) && next.Index <= certain)
        {
            _held.Dequeue();
            Perform(next.Item, self);
        }

        while (_fresh is not null && _fresh.TryDequeue(out var item))
        {
            if (HeldCount == 0 && dependsOn <= certain)
            {
                Perform(item, self);
            }
            else
            {
                (_held ??= new Queue<(ulong, Item)>()).Enqueue((dependsOn, item));
            }
        }

        if (!_isInUse)
        {
            _isInUse = true;
            _fresh = null; // the first thing that is told is the answer to the declaration, and for many queues the last
        }
    }

    /// <summary>Nothing will become certain any more.</summary>
    /// <returns>What will not be carried out, in order.</returns>
    public IReadOnlyList<Item> GiveUp()
    {
        List<Item> items = [.. (_held ?? []).Select(h => h.Item), .. _fresh ?? []];
        _held = null;
        _fresh = null;
        return items;
    }

    private void Add(in Item item) => (_fresh ??= new Queue<Item>()).Enqueue(item);

    private void Perform(in Item item, ActorRef self)
    {
        if (item.Effect is not null)
        {
            effects.Perform(item.Effect);
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
