using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Queues;

/// <summary>
/// Which consumer works on which group of messages, and the messages that were passed over because another consumer does. A group is known only for as long as something of it is under way.
/// </summary>
internal sealed class MessageGroups
{
    private readonly Dictionary<string, MessageGroup> _groups = new(StringComparer.Ordinal);
    private readonly Dictionary<ulong, MessageGroup> _groupOf = []; // of messages that consumers hold, or that pause
    private readonly SortedDictionary<QueuePlace, MessageGroup> _free = []; // groups that wait for any consumer, by their first message
    private readonly SortedDictionary<QueuePlace, Passed> _waiting = [];

    private readonly record struct Passed(QueueEntry Entry, MessageGroup Group);

    /// <summary>Messages that were passed over.</summary>
    public int WaitingCount => _waiting.Count;

    /// <summary>Bytes of those that are in memory.</summary>
    public long LoadedBytes { get; private set; }

    /// <summary>Groups of which something is under way.</summary>
    public int Count => _groups.Count;

    /// <summary>The first message that was passed over at a level.</summary>
    public bool TryFirst(int level, out QueueEntry entry)
    {
        foreach (var (place, first) in _waiting)
        {
            if (place.Level <= level)
            {
                entry = first.Entry;
                return place.Level == level;
            }
        }

        entry = default;
        return false;
    }

    /// <summary>The first message that was passed over and that a consumer may have now.</summary>
    public bool TryFindFor(QueueConsumer consumer, out QueuePlace place, [NotNullWhen(true)] out MessageGroup? group)
    {
        (place, group) = (default, null);
        foreach (var (freePlace, free) in _free)
        {
            (place, group) = (freePlace, free);
            break;
        }

        foreach (var (ownPlace, own) in consumer.Groups)
        {
            if (group is null || ownPlace.CompareTo(place) < 0)
            {
                (place, group) = (ownPlace, own);
            }

            break;
        }

        return group is not null;
    }

    /// <summary>Whether a consumer may have a message of a group, when it is that message's turn.</summary>
    public bool MayTake(string key, QueueConsumer consumer) => !_groups.TryGetValue(key, out var group) || group.MayBeTakenBy(consumer);

    /// <summary>Passes a message over.</summary>
    public void Wait(string key, int level, in QueueEntry entry)
    {
        var group = Of(key);
        var place = new QueuePlace(level, entry.Position);
        group.Waiting.Add(place);
        _waiting.Add(place, new Passed(entry, group));
        LoadedBytes += entry.Message.SizeBytes;
        List(group);
    }

    /// <summary>Takes a message that was passed over.</summary>
    public QueueEntry TakeWaiting(QueuePlace place)
    {
        _waiting.Remove(place, out var passed);
        passed.Group.Waiting.Remove(place);
        LoadedBytes -= passed.Entry.Message.Bytes.Length;
        List(passed.Group);
        return passed.Entry;
    }

    /// <summary>Leaves the bytes of all that were passed over to the disk.</summary>
    public void Unload()
    {
        if (LoadedBytes == 0)
        {
            return;
        }

        foreach (var (place, passed) in _waiting.ToList())
        {
            _waiting[place] = passed with { Entry = passed.Entry with { Message = passed.Entry.Message.WithoutBytes() } };
        }

        LoadedBytes = 0;
    }

    /// <summary>Takes all messages that were passed over.</summary>
    public List<QueueEntry> TakeAllWaiting()
    {
        var all = _waiting.Values.Select(p => p.Entry).ToList();
        _waiting.Clear();
        LoadedBytes = 0;
        foreach (var group in _groups.Values.ToList())
        {
            group.Waiting.Clear();
            List(group);
        }

        return all;
    }

    /// <summary>A consumer holds a message of a group from now on.</summary>
    public void HandOut(string key, ulong position, QueueConsumer consumer)
    {
        var group = Of(key);
        group.Owner = consumer;
        group.HeldCount++;
        _groupOf.Add(position, group);
        List(group);
    }

    /// <summary>A consumer holds a message no longer.</summary>
    /// <param name="position">Its position.</param>
    /// <param name="comesBack">It will be handed out again.</param>
    /// <returns>The key of its group; empty if it has none.</returns>
    public string Settle(ulong position, bool comesBack)
    {
        if (!_groupOf.Remove(position, out var group))
        {
            return "";
        }

        group.IsBroken |= comesBack;
        if (--group.HeldCount == 0)
        {
            group.Owner = null;
            group.IsBroken = false;
        }

        List(group);
        return group.Key;
    }

    /// <summary>A message of a group pauses: the later ones wait for it.</summary>
    public void Pause(string key, ulong position)
    {
        if (key.Length > 0)
        {
            var group = Of(key);
            group.PausedCount++;
            _groupOf.Add(position, group);
            List(group);
        }
    }

    /// <summary>A message pauses no longer, or has left.</summary>
    public void Resume(ulong position)
    {
        if (_groupOf.Remove(position, out var group))
        {
            group.PausedCount--;
            List(group);
        }
    }

    /// <summary>Puts a group where it belongs among those that have something for somebody, and forgets it if there is nothing of it any more.</summary>
    private void List(MessageGroup group)
    {
        if (group.Listed is { } listed)
        {
            listed.List.Remove(listed.Place);
            group.Listed = null;
        }

        if (group.Waiting.Count == 0)
        {
            if (group.HeldCount + group.PausedCount == 0)
            {
                _groups.Remove(group.Key);
            }

            return;
        }

        if (!group.IsBroken && group.PausedCount == 0)
        {
            var list = group.Owner?.Groups ?? _free;
            var place = group.Waiting.Min;
            list.Add(place, group);
            group.Listed = (list, place);
        }
    }

    private MessageGroup Of(string key)
    {
        if (!_groups.TryGetValue(key, out var group))
        {
            group = new MessageGroup(key);
            _groups.Add(key, group);
        }

        return group;
    }
}
