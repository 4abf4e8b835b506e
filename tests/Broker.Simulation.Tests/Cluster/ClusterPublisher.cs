using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;
using Broker.Simulation.Tests.Clients;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// A publisher that outlives nodes. One with a lasting name sends again what was refused or got no answer, in order, to whoever serves the queue; one without gives it up.
/// </summary>
internal sealed class ClusterPublisher(ClusterWorld world, int index, bool named)
{
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

    /// <summary>Messages that have to be confirmed before all is well.</summary>
    public int Unconfirmed => named ? _streams.Values.Sum(s => s.Unconfirmed.Count) : 0;

    public void Publish(ClusterQueue queue)
    {
        var stream = StreamOf(queue);
        if (stream.Unconfirmed.Count > MaxUnconfirmed || !IsConnected(queue, stream))
        {
            return;
        }

        var messages = Enumerable.Range(0, world.Random.Next(1, 6)).Select(_ => (new MessageId(index, ++stream.Sequence), SizeOf())).ToList();
        foreach (var (id, _) in messages)
        {
            queue.Fates.OnPublished(id);
        }

        stream.Session!.IsDeaf |= queue.Definition.Arguments.Overflow is not null && world.Random.Next(10) == 0;
        stream.Unconfirmed.AddRange(messages);
        Send(queue, stream.Session!, messages);
    }

    /// <summary>Gives up what gets no answer, and begins anew elsewhere.</summary>
    public void Tend()
    {
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

    private int SizeOf() => world.Random.Next(12) == 0 ? world.Random.Next(2000, 12_000) : world.Random.Next(12, 600);

    private void Send(ClusterQueue queue, Session session, IReadOnlyList<(MessageId Id, int Size)> messages)
    {
        var batch = new PublishBatch(queue.Name, named ? $"simulated\npublisher-{index}" : null);
        foreach (var (id, size) in messages)
        {
            batch.Add(ClientMessages.Make(id, size), slot: 0, id.Sequence);
            queue.Fates.Tell(id, $"goes to {session.Life.Member.Name} with {messages.Count}");
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
        if (answer.Fault is { Code: not ErrorCode.ResourceExhausted } && !session.IsDeaf)
        {
            End(session, stream);
            return;
        }

        var ids = new HashSet<MessageId>();
        for (var i = 0; i < answer.Batch.Count; i++)
        {
            var id = ClientMessages.IdOf(answer.Batch.Messages.Span[i]);
            var fault = answer.Refused is null ? answer.Fault : answer.Refused.Where(r => r.First <= i && i < r.First + r.Count).Select(r => (FrameFault?)r.Fault).FirstOrDefault();
            if (session.IsDeaf)
            {
                if (fault is null or { Code: ErrorCode.ResourceExhausted })
                {
                    _lost.Add(queue.Name, id, isRefused: fault is not null);
                }
            }
            else if (fault is null)
            {
                queue.Fates.OnConfirmed(id);
                ids.Add(id);
            }
            else
            {
                queue.Fates.Tell(id, "refused");
                world.Seen.Count("refused");
                world.Seen.Count("refused again after a later message was taken", _lost.IsRepeated(queue.Name, id) ? 1 : 0);
                ids.Add(id); // given up
            }
        }

        if (session.IsDeaf)
        {
            return;
        }

        session.UnderWay.Remove(answer.Batch);

        stream.Unconfirmed.RemoveAll(u => ids.Contains(u.Id));
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
