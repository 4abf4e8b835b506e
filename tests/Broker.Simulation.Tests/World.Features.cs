using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Topology;
using Broker.Machines.Queues;
using Broker.Simulation.Tests.Checkers;
using Broker.Simulation.Tests.Clients;

namespace Broker.Simulation.Tests;

/// <summary>Queues with arguments, messages with properties, and logs.</summary>
internal sealed partial class World
{
    private const int MostSecondsUntilQuiet = 300;
    private readonly Dictionary<QueueHistory, LogHistory> _logs = [];
    private readonly List<SimulatedReader> _readers = [];

    private TimeSpan Time => _node is null ? _startedAt : TimeSpan.FromTicks(_node.Time.GetTimestamp());

    /// <summary>Every third queue is one to which dead letters of others go.</summary>
    private void DeclareWithArguments()
    {
        var targets = _queues.Where(q => q is { HasFeatures: true, Target: null, IsLog: false } && q.Sources.Count > 0 && IsThere(q)).ToList();
        if (targets.Count == 0 || _random.Next(8) == 0)
        {
            var isLevelled = _random.Next(3) == 0;
            if (Declare(isLevelled ? FeatureQueues.Lasting with { MaxPriority = 3 } : FeatureQueues.Lasting, target: null) is { } target)
            {
                Declare(FeatureQueues.Draw(_random, target.Name), target);
            }
        }
        else if (_random.Next(5) == 0 && _options.CapacityBytes == long.MaxValue) // a log never gives its space back by itself
        {
            Declare(FeatureQueues.DrawLog(_random), target: null);
        }
        else
        {
            var target = _random.Next(3) > 0 ? Pick(targets) : null;
            Declare(FeatureQueues.Draw(_random, target?.Name), target);
        }
    }

    private QueueHistory? Declare(QueueArguments arguments, QueueHistory? target)
    {
        var name = $"q{++_lastQueue}";
        var reply = Node.Ask(new TopologyRequest.DeclareQueue(name, Durable: true, Passive: false) { Arguments = arguments.ToTable() });
        if (reply.Fault is not null)
        {
            return null;
        }

        var history = new QueueHistory(name, Moment) { Arguments = arguments, Target = target, HasFeatures = true };
        _queues.Add(history);
        target?.Sources.Add(history);
        if (history.IsLog)
        {
            _logs.Add(history, new LogHistory(history));
        }

        return history;
    }

    /// <returns><c>false</c> if something is to be done that is done with any queue.</returns>
    private bool ActOnFeatures(QueueHistory history, LocalQueue queue)
    {
        var kind = _random.Next(100);
        if (kind < 8)
        {
            Node.Time.Advance(TimeSpan.FromMilliseconds(_random.Next(1, 1500)));
            return true;
        }

        if (kind < 10)
        {
            Pause(history, queue, pause: _random.Next(2) == 0);
            return true;
        }

        if (kind < 13 && _queues.Count < 12)
        {
            DeclareWithArguments();
            return true;
        }

        if (kind is >= 13 and < 18)
        {
            LoseConnection(_publishers[kind % 2 + 1], history, queue);
            return true;
        }

        if (!history.IsLog)
        {
            return false;
        }

        _readers.RemoveAll(r => r.IsGone);
        switch (kind)
        {
            case < 20:
                var log = _logs[history];
                ulong? from = _random.Next(3) switch { 0 => null, 1 => 0, _ => (ulong)_random.Next(40) };
                _readers.Add(new SimulatedReader(Node.System, queue.Actor, history, log, from, () => history.SentBytes));
                break;
            case < 35 when _readers.Count > 0:
                Pick(_readers).Grant(_random.Next(1, 20));
                break;
            case < 40 when _readers.Count > 0:
                Pick(_readers).Settle();
                break;
            case < 42 when _readers.Count > 0:
                Pick(_readers).Vanish();
                break;
            case 98:
                Delete(history);
                break;
            case 99:
                Node.Rest();
                break;
            default:
                Pick(_publishers).Publish(queue.Actor, history);
                break;
        }

        return true;
    }

    /// <summary>First nothing comes back any more, and some time later the publisher notices it.</summary>
    private void LoseConnection(SimulatedPublisher publisher, QueueHistory history, LocalQueue queue)
    {
        if (publisher.Reconnect(Node.System, FindActor))
        {
            Seen.Add("connections of publishers that were lost");
            return;
        }

        publisher.LoseAnswers();
        if (history.Arguments.Overflow == OverflowBehavior.RejectPublish)
        {
            for (var i = _random.Next(2, 9); i > 0; i--)
            {
                publisher.Publish(queue.Actor, history); // until something is refused
            }

            var consumer = new SimulatedConsumer(Node.System, queue.Actor, history, noAck: false, subscribe: true);
            _consumers.Add(consumer);
            consumer.Grant(_random.Next(1, 6)); // and there is room again
            for (var steps = _random.Next(20, 200); steps > 0 && Node.Step(); steps--)
            {
            }

            publisher.Publish(queue.Actor, history);
        }
    }

    private void Pause(QueueHistory history, LocalQueue queue, bool pause)
    {
        var wish = history.Pause.OnAsking(pause);
        var asker = Node.System.ActorOf(Props.Create(() => new PauseAsker(history.Pause, wish)));
        queue.Actor.Tell(new QueueMessage.Pause(pause), asker);
        Seen.Add("pauses and their ends");
    }

    private void ResumeAll()
    {
        foreach (var history in _queues.Where(q => q.HasFeatures))
        {
            if (Node.Find(history.Name) is { } queue)
            {
                Pause(history, queue, pause: false);
            }
        }
    }

    /// <summary>Lets time pass until nothing is held back or on its way any more, empties all queues, and looks where every message has come to.</summary>
    private void EndFeatures()
    {
        PassTime();
        var found = new Dictionary<QueueHistory, List<MessageId>>();
        foreach (var history in _queues.Where(q => !_deleted.Contains(q.Name)).OrderBy(q => q.Target is null)) // a message may die yet as it is handed out
        {
            if (Node.Find(history.Name) is not { } queue)
            {
                continue;
            }

            if (history.IsLog)
            {
                ReadToTheEnd(queue, history);
                continue;
            }

            if (found.Count > 0 && history.Target is null)
            {
                PassTime();
            }

            Assert.True(
                history.Arguments is not { MaxLength: { } length, Overflow: null or OverflowBehavior.DropHead } || queue.Status.Ready <= length,
                $"'{history.Name}' may have {history.Arguments.MaxLength} ready messages and has {queue.Status.Ready}");
            var contents = Drain(queue, history);
            Collect();
            ReadyOrder.Check(history, contents);
            history.CheckContents(contents, mayMiss: 0, mayComeBack: false);
            found.Add(history, contents);
        }

        foreach (var (history, contents) in found)
        {
            Deduplication.Check(history);
            if (history.Target is { } target && found.ContainsKey(target))
            {
                DeadLetterPaths.Check(history, contents);
            }
        }
    }

    private void PassTime()
    {
        for (var seconds = 0; seconds < FeatureQueues.SecondsUntilAllIsDue || !IsQuiet(); seconds++)
        {
            Assert.True(seconds < MostSecondsUntilQuiet, $"something is still under way: {string.Join("; ", _queues.Select(q => $"'{q.Name}' {Node.Find(q.Name)?.Status}"))}");
            Node.Time.Advance(TimeSpan.FromSeconds(1));
            Node.RunUntilIdle();
        }

        Collect();
    }

    private bool IsQuiet() => _queues.All(q => Node.Find(q.Name)?.Status is null or { Delayed: 0, DeadLettersUnderWay: 0, Parked: 0 });

    private void ReadToTheEnd(LocalQueue queue, QueueHistory history)
    {
        var log = _logs[history];
        var reader = new SimulatedReader(Node.System, queue.Actor, history, log, from: 0, () => history.SentBytes);
        while (true)
        {
            var before = reader.Received.Count;
            reader.Grant(50);
            Node.RunUntilIdle();
            if (reader.Received.Count == before)
            {
                break;
            }
        }

        reader.Vanish();
        Collect();
        log.CheckContents(reader.Received);
        Seen.Add("logs read to the end");
        if (log.Floor > 1)
        {
            Seen.Add("logs that retention has shortened");
        }
    }

    private sealed class PauseAsker(PauseState pause, int wish) : Actor
    {
        protected override void Receive(object message)
        {
            if (message is QueueReply.Paused { Fault: null } m)
            {
                pause.OnAnswered(wish, m.IsPaused);
            }

            Context.Stop(Self);
        }
    }
}
