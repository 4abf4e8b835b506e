namespace Broker.Machines.Queues;

/// <summary>Since when a consumer has held its oldest delivery. Deliveries of about the same time are noted as one, so memory goes with time and not with messages.</summary>
internal sealed class HoldingTimes
{
    private readonly LinkedList<Note> _notes = new(); // the newest is last

    private readonly record struct Note(ulong FirstTag, long FirstAt, long LastAt);

    /// <summary>A delivery was handed out.</summary>
    /// <param name="tag">Its tag.</param>
    /// <param name="oldest">The lowest tag that is held.</param>
    /// <param name="now">The time.</param>
    /// <param name="grain">How far apart deliveries may be that are noted as one.</param>
    public void Add(ulong tag, ulong oldest, long now, long grain)
    {
        if (tag == oldest)
        {
            _notes.Clear();
        }

        if (_notes.Last is { Value: var last } newest && now - last.FirstAt < grain)
        {
            newest.Value = last with { LastAt = now };
        }
        else
        {
            _notes.AddLast(new Note(tag, now, now));
        }
    }

    /// <summary>Since when the delivery with the lowest tag was held, or up to a grain later.</summary>
    public long Since(ulong oldest)
    {
        while (_notes.First?.Next is { Value.FirstTag: var next } && next <= oldest)
        {
            _notes.RemoveFirst();
        }

        return _notes.First!.Value.LastAt;
    }
}
