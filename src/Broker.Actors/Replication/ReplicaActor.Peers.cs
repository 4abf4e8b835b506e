using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Machines.Replication;

namespace Broker.Actors.Replication;

/// <summary>The links to other replicas, and what comes from them.</summary>
internal sealed partial class ReplicaActor
{
    /// <summary>Bytes that came and are not on the disk yet, beyond which no more is taken from the links.</summary>
    private const int MaxUnwrittenBytes = 8 << 20;

    // The first byte of what goes over a link: whether it is a whole message, or which part of one.
    private const byte Whole = 0;
    private const byte FirstPart = 1;
    private const byte NextPart = 2;
    private const byte LastPart = 3;

    private readonly Dictionary<string, ReplicaPeer> _peers = new(StringComparer.Ordinal);
    private readonly Dictionary<ActorRef, string> _nodeOfLink = [];
    private readonly Queue<(ActorRef Stream, int Bytes)> _untaken = new(); // messages whose senders wait to hear that there is room for more
    private List<WireRecord> _arrived = []; // with the message that is being handled
    private readonly Dictionary<string, ReplicaMessage> _early = []; // by node: who asked before anything was known of the shard here
    private string _sender = ""; // of the message that is being handled
    private long _untakenBytes;

    private void HandleLinkMessage(object message)
    {
        switch (message)
        {
            case LinkAdded m:
                _nodeOfLink[m.Link] = m.Node;
                var added = PeerOf(m.Node);
                added.Link = m.Link;
                m.Link.Tell(new LinkMessage.Subscribe(Self), Self);
                break;
            case LinkRemoved m:
                _nodeOfLink.Remove(m.Link);
                if (_peers.TryGetValue(m.Node, out var removed) && removed.Link == m.Link)
                {
                    removed.Link = null;
                    removed.IsRequested = false; // who would tell of the end is gone
                    SetUp(removed, isUp: false);
                }

                break;
            case LinkUp when _nodeOfLink.TryGetValue(Sender, out var node):
                SetUp(PeerOf(node), isUp: true);
                break;
            case LinkDown m when _nodeOfLink.TryGetValue(Sender, out var node):
                SetUp(PeerOf(node), isUp: false, m.IsGone);
                break;
            case LinkUp or LinkDown:
                break; // of a link that was removed
            case ShardOpened m:
                if (_peers.TryGetValue(m.To.Node, out var opened) && opened is { IsUp: true, IsRequested: true })
                {
                    opened.Sender = m.Sender;
                }

                break; // else its end is on the way
            case ShardRoom m:
                m.Sender.HandleRoom(m);
                break;
            case ShardClosed:
                if (_nodeOfLink.TryGetValue(Sender, out var end))
                {
                    var closed = PeerOf(end);
                    closed.IsRequested = false;
                    closed.MustBegin = closed.IsUp;
                    closed.Drop();
                }

                break;
            case ReplicaMessages.RecordsRead m:
                HandleRecordsRead(m);
                break;
            case ReplicaMessages.SnapshotRead m:
                HandleSnapshotPart(m);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private ReplicaPeer PeerOf(string node)
    {
        if (!_peers.TryGetValue(node, out var peer))
        {
            peer = new ReplicaPeer(node);
            _peers.Add(node, peer);
            _machine?.HandleLink(node, isUp: false, Now);
        }

        return peer;
    }

    private void SetUp(ReplicaPeer peer, bool isUp, bool isGone = false)
    {
        AppendPending();
        peer.IsUp = isUp;
        peer.IsGone = isGone;
        peer.MustBegin = false;
        peer.Drop();
        _machine?.HandleLink(peer.Node, isUp, Now, isGone);
    }

    /// <summary>Streams that have ended while their link is up are begun anew.</summary>
    private void BeginStreams()
    {
        foreach (var peer in _peers.Values)
        {
            if (peer is { MustBegin: true, IsUp: true })
            {
                SetUp(peer, isUp: false);
                SetUp(peer, isUp: true);
            }
        }
    }

    private void Send(string node, ReplicaMessage message)
    {
        var peer = PeerOf(node);
        if (!peer.IsUp || peer.MustBegin)
        {
            return; // as it is, nothing that was on its way has arrived either; a stream that were opened now would be forgotten when all begins anew
        }

        if (message is ReplicaMessage.Follow or ReplicaMessage.Align or ReplicaMessage.Snapshot)
        {
            peer.Forget(); // a session begins: what waits is of another one, and would only hold it up
        }

        switch (message)
        {
            case ReplicaMessage.Records m:
                peer.Queue.Enqueue(new ReplicaPeer.Outgoing.Records(m, m.First + m.Count - 1));
                break;
            case ReplicaMessage.Snapshot m:
                peer.Queue.Enqueue(new ReplicaPeer.Outgoing.State(new SnapshotReader(_storage, _shard, m)));
                break;
            default:
                var writer = new ReplicaWriter();
                writer.Raw(Whole);
                ReplicaMessageCodec.Write(writer, message);
                peer.Queue.Enqueue(new ReplicaPeer.Outgoing.Bytes(writer.Written));
                break;
        }

        if (peer is { IsRequested: false, Link: { } link })
        {
            peer.IsRequested = true;
            link.Tell(new LinkMessage.OpenShard(_shard, Self), Self);
        }
    }

    private void HandleShardMessage(ShardMessage message)
    {
        AppendPending();
        _untaken.Enqueue((Sender, message.Payload.Length));
        _untakenBytes += message.Payload.Length;
        var peer = PeerOf(message.From.Node);
        try
        {
            if (Assemble(peer, message.Payload) is { } whole)
            {
                HandleReplicaMessage(message.From.Node, whole);
            }
        }
        catch (ReplicaFormatException e)
        {
            _storage.Notice(StoreNoticeSeverity.Error, $"shard {_shard}: {e.Message}; it came from node '{message.From.Node}'");
        }

        TakeMore();
    }

    /// <summary>Joins the parts of a message. What was there of one whose stream has ended is dropped.</summary>
    private static ReadOnlyMemory<byte>? Assemble(ReplicaPeer peer, ReadOnlyMemory<byte> payload)
    {
        var place = payload.IsEmpty ? byte.MaxValue : payload.Span[0];
        if (place is Whole or FirstPart)
        {
            peer.Parts.Clear();
        }
        else if (place is not (NextPart or LastPart) || peer.Parts.Count == 0)
        {
            throw new ReplicaFormatException("a replica has sent a part of a message that does not follow from the one before");
        }

        if (place == Whole)
        {
            return payload[1..];
        }

        peer.Parts.Add(payload[1..]);
        if (place != LastPart)
        {
            return null;
        }

        var whole = new byte[peer.Parts.Sum(p => p.Length)];
        var at = 0;
        foreach (var part in peer.Parts)
        {
            part.CopyTo(whole.AsMemory(at));
            at += part.Length;
        }

        peer.Parts.Clear();
        return whole;
    }

    private void HandleReplicaMessage(string from, ReadOnlyMemory<byte> bytes)
    {
        if (SnapshotPart.IsOne(bytes))
        {
            HandleSnapshotPart(from, bytes);
            return;
        }

        var reader = new ReplicaReader(bytes);
        var message = ReplicaMessageCodec.Read(reader);
        if (message is ReplicaMessage.Records records)
        {
            var arrived = new List<WireRecord>();
            while (!reader.AtEnd)
            {
                arrived.Add(ReplicatedRecordCodec.Read(reader));
            }

            if ((ulong)arrived.Count != records.Count)
            {
                throw new ReplicaFormatException($"a replica has announced {records.Count} records and sent {arrived.Count}");
            }

            _arrived = arrived;
        }
        else
        {
            reader.End();
        }

        if (_machine is null)
        {
            if (message is ReplicaMessage.Follow)
            {
                _early[from] = message; // its watch was quicker
            }

            return;
        }

        _sender = from;
        _machine.HandleMessage(from, message, Now);
        Carry();
        _arrived = [];
    }

    /// <summary>Lets those send more whose messages are dealt with, unless too much of it is on its way to the disk.</summary>
    private void TakeMore()
    {
        if (_install is { IsBusy: true } || (_writing.Count > 0 && _untakenBytes > MaxUnwrittenBytes))
        {
            return;
        }

        while (_untaken.TryDequeue(out var untaken))
        {
            untaken.Stream.Tell(new ShardTaken(1), Self);
        }

        _untakenBytes = 0;
    }
}
