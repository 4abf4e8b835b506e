using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Clients;

/// <summary>
/// A publisher that lives longer than the node and its connections: when either is lost, one with a lasting name sends again, under the same sequences, whatever it has no outcome of, and one without
/// gives it up.
/// </summary>
/// <param name="index">Which one.</param>
/// <param name="named">Whether it has a lasting name.</param>
/// <param name="random">Decides.</param>
/// <param name="seen">Is told of what is worth simulating.</param>
internal sealed class SimulatedPublisher(int index, bool named, Random random, Action<string> seen)
{
    private readonly LostRefusals _lost = new();
    private bool _isDeaf;
    private readonly List<Unconfirmed> _unconfirmed = [];
    private readonly Dictionary<PublishBatch, QueueHistory> _underWay = [];
    private ActorRef _actor = ActorRef.NoSender;
    private ulong _sequence;

    private readonly record struct Unconfirmed(QueueHistory Queue, MessageId Id, int Size, MessageProperties? Properties);

    public int UnconfirmedCount => _unconfirmed.Count;

    /// <summary>Nothing that the node says arrives any more, until the publisher notices and connects anew.</summary>
    public void LoseAnswers() => _isDeaf = true;

    /// <summary>Connects anew if it hears nothing any more.</summary>
    /// <returns>Whether it did.</returns>
    public bool Reconnect(ActorSystem system, Func<QueueHistory, ActorRef?> find)
    {
        if (_isDeaf)
        {
            system.Stop(_actor);
            Connect(system, find);
            return true;
        }

        return false;
    }

    /// <summary>Connects to a node that has just started.</summary>
    /// <param name="system">The node's actors.</param>
    /// <param name="find">Finds the actor of a queue; <c>null</c> if it is gone.</param>
    public void Connect(ActorSystem system, Func<QueueHistory, ActorRef?> find)
    {
        _underWay.Clear();
        _isDeaf = false;
        _actor = system.ActorOf(Props.Create(() => new Probe(this)));
        var again = _unconfirmed.ToList();
        _unconfirmed.Clear();
        if (!named)
        {
            return;
        }

        foreach (var group in again.GroupBy(u => u.Queue))
        {
            if (find(group.Key) is { } queue)
            {
                var messages = group.OrderBy(m => m.Id.Sequence).ToList();
                _unconfirmed.AddRange(messages);
                messages.ForEach(m => group.Key.OnPublished(m.Id));
                foreach (var part in messages.Chunk(random.Next(1, 8)))
                {
                    Send(queue, group.Key, part);
                }
            }
        }
    }

    public void Publish(ActorRef queue, QueueHistory history)
    {
        var messages = new Unconfirmed[random.Next(1, 6)];
        for (var i = 0; i < messages.Length; i++)
        {
            var size = history.IsLog ? random.Next(500, 8000) : SizeOf();
            messages[i] = new Unconfirmed(history, new MessageId(index, ++_sequence), size, history.HasFeatures ? FeatureQueues.PropertiesFor(history, random) : null);
            history.OnPublished(messages[i].Id, messages[i].Properties);
        }

        _unconfirmed.AddRange(messages);
        Send(queue, history, messages);
    }

    private int SizeOf() => random.Next(12) == 0 ? random.Next(2000, 12_000) : random.Next(12, 600);

    private void Send(ActorRef queue, QueueHistory history, IReadOnlyList<Unconfirmed> messages)
    {
        var batch = new PublishBatch(history.Name, named ? $"simulated\npublisher-{index}" : null);
        foreach (var (_, id, size, properties) in messages)
        {
            var message = properties is null ? ClientMessages.Make(id, size) : ClientMessages.Make(id, size, history.Name, properties, history.Now.Milliseconds);
            history.SentBytes += message.SizeBytes;
            batch.Add(message, slot: 0, id.Sequence);
        }

        foreach (var (_, id, _, _) in messages)
        {
            history.Tell(id, $"goes to the queue with {batch.Count}");
        }

        _underWay.Add(batch, history);
        queue.Tell(new QueueMessage.Enqueue(batch), _actor);
    }

    private void OnAnswered(PublisherSignal.Answered answer)
    {
        if (!_underWay.Remove(answer.Batch, out var history) || answer.Fault is { Code: not ErrorCode.ResourceExhausted })
        {
            return;
        }

        var refusals = answer.Refusals;
        for (var i = 0; i < answer.Batch.Count; i++)
        {
            var id = ClientMessages.IdOf(answer.Batch.Messages.Span[i]);
            var refusal = refusals.FirstOrDefault(r => r.First <= i && i < r.First + r.Count);
            if (_isDeaf)
            {
                history.OnUnheard(id, isRefused: refusal.Count > 0);
                _lost.Add(history.Name, id, isRefused: refusal.Count > 0);
                continue;
            }

            if (refusal.Count > 0 && !refusal.Fault.Reason.EndsWith(Intake.Forgotten.Reason, StringComparison.Ordinal)) // of which nobody knows
            {
                history.OnRefused(id); // and given up
                if (_lost.IsRepeated(history.Name, id))
                {
                    seen("refusals that were not heard, and came again after a later message was taken");
                }
            }
            else if (refusal.Count == 0)
            {
                history.OnConfirmed(id);
            }

            _unconfirmed.RemoveAll(u => u.Id == id && u.Queue == history);
        }
    }

    private sealed class Probe(SimulatedPublisher owner) : Actor
    {
        protected override void Receive(object message)
        {
            if (message is PublisherSignal.Answered answer)
            {
                owner.OnAnswered(answer);
            }
        }
    }
}
