using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.DeadLetters;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Queues;

/// <summary>
/// Dead letters of a queue on their way to the queues that its dead-letter exchange routes them to. Belongs to the queue's actor. The queue keeps each until all of them have it, and says so in its
/// records, so what is under way when the queue ends begins anew with its next actor, on whatever node.
/// </summary>
/// <remarks>
/// To the target, the queue is a producer whose sequence is the number of the death, so it takes nothing twice. One that has a later sequence would take an earlier one for a repetition; therefore one
/// batch at a time is under way to each target, small enough not to be cut in pieces on the way to another node, and what a target cannot take now is sent again before anything else.
/// </remarks>
internal sealed class DeadLetters(NodeServices node, QueueDefinition queue, ActorRef self)
{
    private const int MaxBatchBytes = 48 << 10;
    private const int MaxBatchMessages = 256;
    private static readonly TimeSpan s_shortestDelay = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(10);
    private readonly Dictionary<string, Target> _targets = new(StringComparer.Ordinal);
    private readonly Dictionary<ulong, int> _open = []; // by sequence: how many targets do not have it yet
    private readonly Queue<DeadMessage> _unrouted = new(); // until the node has all its exchanges
    private readonly List<ulong> _done = [];
    private readonly string? _producer = queue.Durable ? $"dead-letters\u001f{queue.Id}" : null; // the numbers of one that is not durable begin anew with its next life
    private readonly RouteWalk _walk = new(node.Routes);
    private string? _exchange;
    private string? _routingKey;

    /// <summary>To the queue's actor: it is time to try again.</summary>
    public sealed record Retry
    {
        public static readonly Retry Instance = new();
    }

    /// <summary>A queue that dead letters go to.</summary>
    private sealed class Target(string name)
    {
        public string Name => name;

        /// <summary>What it has not got yet, in order; the first are under way if there is a batch.</summary>
        public Queue<(ulong Sequence, Machines.Messages.StoredMessage Message)> Letters { get; } = new();

        public PublishBatch? UnderWay { get; set; }

        public ActorRef? Actor { get; set; }

        /// <summary>How long it is left alone after it could not take something; zero while it can.</summary>
        public TimeSpan Delay { get; set; }

        /// <summary>Timestamp from which on it is tried again. Not by the wall clock: that may be set back, and dead letters would wait until it is where it was.</summary>
        public long NotBefore { get; set; }
    }

    private TimeProvider Clock => node.Options.TimeProvider;

    private long Now => Clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Dead letters that have no outcome yet.</summary>
    public int Count => _open.Count + _unrouted.Count;

    /// <summary>Where they go from now on.</summary>
    public void AimAt(QueueArguments declared, QueueArguments? policy)
    {
        _exchange = declared.DeadLetterExchange ?? policy?.DeadLetterExchange;
        _routingKey = declared.DeadLetterRoutingKey ?? policy?.DeadLetterRoutingKey;
    }

    /// <summary>A message has died.</summary>
    public void Begin(in DeadMessage dead, IActorContext context)
    {
        _unrouted.Enqueue(dead);
        Go(context);
    }

    /// <summary>A target has answered, or it is time to try again.</summary>
    public void Handle(object message, IActorContext context)
    {
        if (message is PublisherSignal.Answered answer && _targets.TryGetValue(answer.Batch.Queue, out var target) && target.UnderWay == answer.Batch)
        {
            target.UnderWay = null;
            HandleAnswered(target, answer);
        }

        Go(context);
    }

    /// <summary>An actor has ended.</summary>
    public void HandleGone(ActorRef actor, IActorContext context)
    {
        foreach (var target in _targets.Values.Where(t => t.Actor == actor))
        {
            target.Actor = null;
            if (target.UnderWay is not null)
            {
                target.UnderWay = null;
                Postpone(target);
            }
        }

        Go(context);
    }

    private void Go(IActorContext context)
    {
        if (!node.IsServing)
        {
            context.Timers.StartSingle(Retry.Instance, Retry.Instance, s_firstDelay); // exchanges and bindings are still coming back
            return;
        }

        while (_unrouted.TryDequeue(out var dead))
        {
            Route(dead);
        }

        var next = long.MaxValue;
        foreach (var target in _targets.Values.Where(t => t.UnderWay is null && t.Letters.Count > 0).ToList())
        {
            if (target.NotBefore <= Clock.GetTimestamp())
            {
                Send(target, context);
            }

            if (target is { UnderWay: null, Letters.Count: > 0 })
            {
                next = Math.Min(next, target.NotBefore);
            }
        }

        if (next < long.MaxValue)
        {
            var delay = Clock.GetElapsedTime(Clock.GetTimestamp(), next);
            context.Timers.StartSingle(Retry.Instance, Retry.Instance, delay > s_shortestDelay ? delay : s_shortestDelay);
        }

        if (_done.Count > 0)
        {
            self.Tell(new QueueMessage.DeadLettered([.. _done]), self);
            _done.Clear();
        }
    }

    private void Route(in DeadMessage dead)
    {
        if (_exchange is not { } exchange)
        {
            Drop(dead.Sequence); // there was one when it died
            return;
        }

        var letter = DeadLetterMessage.Make(dead, new DeadLetterRoute(EntityName.LocalOf(queue.Name), exchange, _routingKey), Now);
        var targets = QueuesFor(exchange, letter, dead.Sequence).Where(name => !letter.IsCycle(EntityName.LocalOf(name))).ToList();
        if (targets.Count == 0)
        {
            Drop(dead.Sequence);
            return;
        }

        _open.Add(dead.Sequence, targets.Count);
        foreach (var name in targets)
        {
            if (!_targets.TryGetValue(name, out var target))
            {
                _targets.Add(name, target = new Target(name));
            }

            target.Letters.Enqueue((dead.Sequence, letter.Message));
        }
    }

    /// <summary>Where the exchange routes it; nowhere if there is none.</summary>
    private ImmutableArray<string> QueuesFor(string exchange, DeadLetterMessage letter, ulong sequence) =>
        _walk.FollowFromBroker(EntityName.Beside(queue.Name, exchange), letter.RoutingKey, letter.Message.Bytes.Span, sequence).Queues;

    private void Drop(ulong sequence)
    {
        node.AddDeadLettersDropped(1);
        _done.Add(sequence);
    }

    private void Send(Target target, IActorContext context)
    {
        if (target.Letters.Count == 0)
        {
            return;
        }

        if (!node.TryGetTarget(target.Name, out var found))
        {
            if (node.Queues.TryGet(target.Name, out _))
            {
                Postpone(target); // it is moving
                return;
            }

            while (target.Letters.TryDequeue(out var letter)) // the queue was deleted
            {
                node.AddDeadLettersDropped(1);
                Finish(letter.Sequence);
            }

            _targets.Remove(target.Name);
            return;
        }

        if (target.Actor != found)
        {
            target.Actor = found;
            context.Watch(found);
        }

        target.UnderWay = BatchOf(target);
        found.Tell(new QueueMessage.Enqueue(target.UnderWay) { BeginsAnew = true }, self);
    }

    private PublishBatch BatchOf(Target target)
    {
        var items = new List<RouteItem>();
        var bytes = 0;
        foreach (var (sequence, message) in target.Letters)
        {
            bytes += message.SizeBytes + RouteItem.OverheadBytes;
            if (items.Count > 0 && (bytes > MaxBatchBytes || items.Count == MaxBatchMessages))
            {
                break;
            }

            items.Add(new RouteItem(sequence, 0, 0, message.Meta.Value, message.Bytes));
        }

        return PublishBatch.Of(target.Name, _producer, items);
    }

    /// <summary>
    /// What the target has is done; so is what it will never take, as it says, or as it has a later one. The rest is sent again, the first of it first.
    /// </summary>
    private void HandleAnswered(Target target, PublisherSignal.Answered answer)
    {
        var refusals = answer.Refusals;
        var again = answer.Batch.Count;
        for (var i = refusals.Count - 1; i >= 0 && refusals[i] is var last && last.First + last.Count == again && MayTakeLater(last.Fault); i--)
        {
            again = last.First;
        }

        var lost = refusals.Where(r => r.First < again).Sum(r => r.Count);
        for (var i = 0; i < again; i++)
        {
            Finish(target.Letters.Dequeue().Sequence);
        }

        if (lost > 0)
        {
            node.AddDeadLettersDropped(lost);
        }

        if (again < answer.Batch.Count)
        {
            Postpone(target);
        }
        else
        {
            target.Delay = TimeSpan.Zero;
        }
    }

    private static bool MayTakeLater(FrameFault fault) => fault.Code is ErrorCode.Unavailable or ErrorCode.NotLeader or ErrorCode.ResourceExhausted;

    private void Finish(ulong sequence)
    {
        if (--CollectionsMarshal.GetValueRefOrAddDefault(_open, sequence, out _) == 0)
        {
            _open.Remove(sequence);
            _done.Add(sequence);
        }
    }

    private void Postpone(Target target)
    {
        target.Delay = target.Delay == TimeSpan.Zero ? s_firstDelay : target.Delay * 2 < s_longestDelay ? target.Delay * 2 : s_longestDelay;
        target.NotBefore = Clock.GetTimestamp() + (long)(target.Delay.TotalSeconds * Clock.TimestampFrequency);
    }
}
