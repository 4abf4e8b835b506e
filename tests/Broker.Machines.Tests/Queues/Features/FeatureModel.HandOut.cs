using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues.Features;

/// <summary>Who gets what.</summary>
internal sealed partial class FeatureModel
{
    private readonly HashSet<string> _broken = []; // groups of which something came back while the rest is still held

    /// <summary>What the machine has handed out since the last time.</summary>
    public void HandOut(IEnumerable<(long Consumer, Delivery Delivery)> deliveries, bool mayHaveMore)
    {
        var inOrder = deliveries.OrderByDescending(d => Math.Min(d.Delivery.Entry.Message.Meta.Priority, Settings.MaxPriority)).ThenBy(d => d.Delivery.Entry.Position);
        foreach (var (id, delivery) in inOrder)
        {
            Assert.True(HasCredit, "there is nobody to hand it to");
            var message = Settings.MessageGroups ? NextOfGroup(id, delivery) : NextOfAll();
            Assert.True(message is not null, $"{delivery} is not to be handed out");
            Assert.Equal(new QueueEntry(message.Position, message.Content.Stored, message.DeliveryCount), delivery.Entry);
            Give(_consumers[id], id, message, delivery.Tag);
        }

        if (!HasCredit || mayHaveMore)
        {
            return;
        }

        if (!Settings.MessageGroups)
        {
            Assert.True(NextOfAll() is null, "a message waits for nothing");
            return;
        }

        foreach (var (id, _) in _consumers.Where(c => c.Value.Credit > 0))
        {
            DropUnfit(id);
            Assert.DoesNotContain(Ready, m => MayHave(id, m));
        }
    }

    /// <summary>A group whose messages are all settled or back is whole again.</summary>
    private void Mend() => _broken.RemoveWhere(g => Of(State.Unsettled).All(m => m.Content.Group != g));

    private void Give(Consumer consumer, long id, Message message, ulong tag)
    {
        Assert.True(consumer.Credit-- > 0, $"{id} has no credit");
        Assert.Equal(++consumer.LastTag, tag);
        if (consumer.NoAck)
        {
            _messages.Remove(message);
        }
        else
        {
            (message.State, message.Consumer, message.Tag) = (State.Unsettled, id, tag);
        }
    }

    /// <summary>The first message, when those before it that are not to be handed out any more have died.</summary>
    private Message? NextOfAll()
    {
        while (Ready.FirstOrDefault() is { } first)
        {
            if (first.DeliveryCount > Settings.DeliveryLimit)
            {
                Die(first, DeadLetterReason.DeliveryLimit);
            }
            else if (ExpiryOf(first) <= Now)
            {
                Die(first, DeadLetterReason.Expired);
            }
            else
            {
                return first;
            }
        }

        return null;
    }

    private Message? NextOfGroup(long id, Delivery delivery)
    {
        DropUnfit(id);
        var message = Ready.FirstOrDefault(m => m.Position == delivery.Entry.Position);
        return message is not null && MayHave(id, message) ? message : null;
    }

    /// <summary>In a queue with groups those die whose turn it would be.</summary>
    private void DropUnfit(long id)
    {
        while (Ready.FirstOrDefault(m => (m.DeliveryCount > Settings.DeliveryLimit || ExpiryOf(m) <= Now) && MayHave(id, m)) is { } unfit)
        {
            Die(unfit, unfit.DeliveryCount > Settings.DeliveryLimit ? DeadLetterReason.DeliveryLimit : DeadLetterReason.Expired);
        }
    }

    /// <summary>All of a group is with one consumer, in order; nothing of it is handed out while one that came back waits for the rest, or pauses.</summary>
    private bool MayHave(long id, Message message)
    {
        if (message.Content.Group is not { } group)
        {
            return true;
        }

        return !_broken.Contains(group)
            && _messages.Where(m => m.Content.Group == group).All(m => m.State switch
            {
                State.Unsettled => m.Consumer == id,
                State.Held => !m.Pauses,
                State.Ready => Precedes(message, m) || m == message,
                _ => true,
            });
    }

    private static bool Precedes(Message first, Message second) => first.Level != second.Level ? first.Level > second.Level : first.Position < second.Position;
}
