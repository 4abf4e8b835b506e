using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;
using Broker.Simulation.Tests.Clients;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// A publisher that outlives nodes. One with a lasting name sends again what was refused or got no answer, in order, to whoever serves the queue; one without gives it up.
/// </summary>
internal sealed class ClusterPublisher(ClusterWorld world, int index, bool named)
{
    public const int PublisherCount = 3;
    private const int MaxUnconfirmed = 300;
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(1500);
    private readonly Dictionary<ClusterQueue, PublisherStream> _streams = [];
    private readonly LostRefusals _lost = new();

    private sealed class PublisherStream
    {
        public ulong Sequence;
        public List<(MessageId Id, int Size)> Unconfirmed { get; } = [];
        public Session? Session { get; set; }
    }

    /// <summary>What goes to one actor of the queue.</summary>
    private sealed class Session(MemberLife life)
    {
        public MemberLife Life => life;
        public ActorRef Actor { get; set; } = ActorRef.NoSender;
        public required ActorRef Queue { get; init; }
        public bool HasEnded { get; set; }

        /// <summary>What comes back does not arrive; the publisher's patience ends it.</summary>
        public bool IsDeaf { get; set; }

        public Dictionary<PublishBatch, TimeSpan> UnderWay { get; } = new(ReferenceEqualityComparer.Instance);
        public bool IsOver => HasEnded || life.IsOver;
    }

    /// <summary>Messages that have to be confirmed, or refused, before all is well.</summary>
    public int Unconfirmed => named ? _streams.Where(s => !s.Key.IsDeleted).Sum(s => s.Value.Unconfirmed.Count) : 0;

    public void Publish(ClusterQueue queue)
    {
        var stream = StreamOf(queue);
        if (stream.Unconfirmed.Count > MaxUnconfirmed || queue.IsDeleting || !IsConnected(queue, stream))
        {
            return;
        }

        var messages = Enumerable.Range(0, world.Random.Next(1, 6)).Select(_ => (IdOf(queue, ++stream.Sequence), SizeFor(queue))).ToList();
        foreach (var (id, _) in messages)
        {
            queue.Facts.Add(id);
        }

        stream.Session!.IsDeaf |= queue.Definition.Arguments.Overflow is not null && world.Random.Next(10) == 0;
        stream.Unconfirmed.AddRange(messages);
        Send(queue, stream.Session!, messages);
    }

    /// <summary>Takes its connection for lost, and sends again what it has no answer for, while the first of it is still on its way.</summary>
    public void Reconnect(ClusterQueue queue)
    {
        if (_streams.TryGetValue(queue, out var stream) && stream.Session is { IsOver: false } session)
        {
            world.Seen.Count("requests repeated", named && stream.Unconfirmed.Count > 0 ? 1 : 0);
            End(session, stream);
            IsConnected(queue, stream);
        }
    }

    /// <summary>Gives up what gets no answer, and begins anew elsewhere.</summary>
    public void Tend()
    {
        foreach (var queue in _streams.Keys.Where(q => q.IsDeleted).ToList())
        {
            _streams.Remove(queue);
        }

        foreach (var (queue, stream) in _streams)
        {
            if (stream.Session is { IsOver: false } session && session.UnderWay.Values.Any(sent => world.Now - sent > s_patience))
            {
                End(session, stream);
            }

            if (stream.Unconfirmed.Count > 0)
            {
                IsConnected(queue, stream);
            }
        }
    }

    private PublisherStream StreamOf(ClusterQueue queue)
    {
        if (!_streams.TryGetValue(queue, out var stream))
        {
            stream = new PublisherStream();
            _streams.Add(queue, stream);
        }

        return stream;
    }

    private bool IsConnected(ClusterQueue queue, PublisherStream stream)
    {
        if (stream.Session is { IsOver: false })
        {
            return true;
        }

        if (!named)
        {
            stream.Unconfirmed.Clear();
        }

        if (world.FindServing(queue) is not ({ } life, { } local))
        {
            return false;
        }

        var session = new Session(life) { Queue = local.Actor };
        session.Actor = life.System.ActorOf(Props.Create(() => new Probe(this, queue, stream, session)));
        stream.Session = session;
        foreach (var part in stream.Unconfirmed.ToList().Chunk(world.Random.Next(1, 8)))
        {
            Send(queue, session, part);
        }

        return true;
    }

    /// <summary>Each queue has its own publishers' numbers, and a queue that was declared anew others than the one before.</summary>
    private MessageId IdOf(ClusterQueue queue, ulong sequence) => new(index + ((int)queue.Definition.Id * PublisherCount), sequence);

    private int SizeFor(ClusterQueue queue) => queue.Arguments is { Kind: QueueKind.Log, MaxLengthBytes: not null } or { Kind: QueueKind.Log, MaxAge: not null }
        ? world.Random.Next(500, 8000)
        : world.Random.Next(12) == 0 ? world.Random.Next(2000, 12_000) : world.Random.Next(12, 600);

    private void Send(ClusterQueue queue, Session session, IReadOnlyList<(MessageId Id, int Size)> messages)
    {
        var batch = new PublishBatch(queue.Name, named ? $"simulated\npublisher-{index}" : null);
        foreach (var (id, size) in messages)
        {
            // What may become a dead letter is an encoded message: something is to be written into it.
            var message = queue.Target is null
                ? ClientMessages.Make(id, size)
                : ClientMessages.Make(id, size, queue.Name, new MessageProperties(), (long)world.WallClockAt(session.Life.Member).TotalMilliseconds);
            batch.Add(message, slot: 0, id.Sequence);
            queue.Facts[id].Sends++;
            queue.Facts.Tell(id, $"goes to {session.Life.Member.Name} with {messages.Count}");
        }

        session.UnderWay.Add(batch, world.Now);
        session.Queue.Tell(new QueueMessage.Enqueue(batch), session.Actor);
    }

    private static void End(Session session, PublisherStream stream)
    {
        session.HasEnded = true;
        session.Life.System.Stop(session.Actor);
        if (stream.Session == session)
        {
            stream.Session = null;
        }
    }

    private void OnAnswered(ClusterQueue queue, PublisherStream stream, Session session, PublisherSignal.Answered answer)
    {
        world.Trace($"publisher {index} of {queue.Name}: {answer.Batch.Count} {answer.Fault?.Code}");
        var isKnown = answer.Fault is not { Code: not ErrorCode.ResourceExhausted };
        if (session.IsDeaf)
        {
            OnUnheard(queue, isKnown ? OutcomesOf(answer) : []);
            return;
        }

        session.UnderWay.Remove(answer.Batch);
        if (!isKnown)
        {
            End(session, stream);
            return;
        }

        var ids = new HashSet<MessageId>();
        foreach (var (id, isRefused) in OutcomesOf(answer))
        {
            queue.Facts[id].Refused |= isRefused; // and it is given up
            queue.Facts[id].Confirmed |= !isRefused;
            queue.Facts.Tell(id, isRefused ? "refused" : "confirmed");
            world.Seen.Count("refused", isRefused ? 1 : 0);
            world.Seen.Count("refused again after a later message was taken", isRefused && _lost.IsRepeated(queue.Name, id) ? 1 : 0);
            ids.Add(id);
        }

        stream.Unconfirmed.RemoveAll(u => ids.Contains(u.Id));
    }

    private void OnUnheard(ClusterQueue queue, IEnumerable<(MessageId Id, bool IsRefused)> outcomes)
    {
        foreach (var (id, isRefused) in outcomes)
        {
            queue.Facts.Tell(id, isRefused ? "refused, unheard" : "confirmed, unheard");
            _lost.Add(queue.Name, id, isRefused);
        }
    }

    private static IEnumerable<(MessageId Id, bool IsRefused)> OutcomesOf(PublisherSignal.Answered answer)
    {
        var refusals = answer.Refusals;
        for (var i = 0; i < answer.Batch.Count; i++)
        {
            yield return (ClientMessages.IdOf(answer.Batch.Messages.Span[i]), refusals.Any(r => r.First <= i && i < r.First + r.Count));
        }
    }

    private sealed class Probe(ClusterPublisher owner, ClusterQueue queue, PublisherStream stream, Session session) : Actor
    {
        protected override void PreStart() => Context.Watch(session.Queue);

        protected override void Receive(object message)
        {
            switch (message)
            {
                case PublisherSignal.Answered m:
                    owner.OnAnswered(queue, stream, session, m);
                    break;
                case Terminated:
                    End(session, stream);
                    break;
                default:
                    break; // parked: it waits
            }
        }
    }
}
