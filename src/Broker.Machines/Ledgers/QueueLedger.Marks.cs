namespace Broker.Machines.Ledgers;

/// <summary>What is known of single messages, and of the queue as a whole.</summary>
public sealed partial class QueueLedger
{
    private void ApplyMarks(QueueRecord record)
    {
        foreach (var held in record.Held)
        {
            SetHeld(held);
        }

        foreach (var keyed in record.Keyed)
        {
            SetKeyed(keyed);
        }

        foreach (var dead in record.Dead)
        {
            SetDead(dead);
        }

        if (record.Ids is { } ids)
        {
            Ids.Add(ids);
        }

        IsPaused = record.Paused ?? IsPaused;
        LastExpiring = Math.Max(LastExpiring, record.LastExpiring);
    }

    // After damage a mark may be of a message whose joining, or leaving, was lost.
    private void SetHeld(in HeldMessage held)
    {
        if (Live.HasAny(held.Position, held.Position))
        {
            Held.Set(held.Position, held);
        }
    }

    private void SetKeyed(in KeyedMessage keyed)
    {
        if (Live.HasAny(keyed.Position, keyed.Position))
        {
            Keyed.Set(keyed.Position, keyed);
        }
    }

    private void SetDead(in DeadMark dead)
    {
        LastDead = Math.Max(LastDead, dead.Sequence);
        if (Live.HasAny(dead.Position, dead.Position))
        {
            Dead.Set(dead.Position, dead);
            _held?.Remove(dead.Position, out _);
            _keyed?.Remove(dead.Position, out _);
        }
    }

    internal void RestoreMarks(QueueRecord marks, ulong lastDead)
    {
        ApplyMarks(marks);
        LastDead = Math.Max(LastDead, lastDead);
    }
}
