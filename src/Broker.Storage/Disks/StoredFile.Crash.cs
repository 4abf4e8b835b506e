namespace Broker.Storage.Disks;

/// <summary>What becomes of a file when something goes wrong.</summary>
internal sealed partial class StoredFile
{
    /// <summary>How much of what was not synced is left; any may be, but the extremes are likely enough that each is met.</summary>
    private enum Luck
    {
        Nothing,
        Everything,
        Anything,
        Most,
        Little,
        InOrder,
    }

    /// <summary>Leaves of each sector that is not synced one of its states, and of the length likewise.</summary>
    public void LosePower(DiskRandom random)
    {
        if (_touches.Count == 0 && _lengths.Count == 0 && _dropped is null)
        {
            return;
        }

        if (_touches.Count > 0 || _lengths.Count > 0)
        {
            var luck = AnyLuck(random);
            var end = luck == Luck.InOrder ? random.Below(_touches.Count + 1) : _touches.Count;
            foreach (var durable in _touches)
            {
                if (durable.Depth == 0)
                {
                    Settle(durable.Index, luck, end, random);
                }
            }

            Length = luck == Luck.InOrder ? LengthAfter(end) : SettleLength(random);
        }

        foreach (var (index, sector) in _dropped ?? [])
        {
            _sectors[index] = sector;
        }

        Sync();
        _dropped = null;
        CutSectors();
    }

    /// <summary>
    /// What Linux does when writing to the disk fails. Each sector was written; or was not, and the old content comes back; or was not, and the process keeps
    /// seeing the new content until the crash. In all three cases the kernel takes the sector for written and never tries again.
    /// </summary>
    public void FailSync(DiskRandom random)
    {
        foreach (var durable in _touches)
        {
            if (durable.Depth > 0)
            {
                continue;
            }

            switch (random.Below(3))
            {
                case 0:
                    _sectors[durable.Index] = new Sector(durable.Bytes, durable.Start);
                    break;
                case 1:
                    (_dropped ??= [])[durable.Index] = new Sector(durable.Bytes, durable.Start);
                    break;
                default:
                    break;
            }
        }

        _touches.Clear();
        CutSectors();
    }

    /// <summary>Changes bytes wherever they are: in what the process sees and in all that a crash may leave.</summary>
    /// <param name="offset">Where, in bytes.</param>
    /// <param name="length">How many, at most up to the end of the file.</param>
    /// <param name="damage">Gets the bytes and how many come before them.</param>
    public void Damage(long offset, int length, Action<Memory<byte>, int> damage)
    {
        for (var done = 0; done < length;)
        {
            var (index, within) = Locate(offset + done);
            var count = Math.Min(length - done, sectorBytes - within);
            var before = done;
            Damage(index, bytes => damage(bytes.AsMemory(within, count), before));
            done += count;
        }
    }

    private void Damage(int index, Action<byte[]> damage)
    {
        var sector = _sectors[index];
        for (var i = 0; i < _touches.Count; i++)
        {
            if (_touches[i].Index == index)
            {
                _touches[i] = _touches[i] with { Bytes = Damaged(new Sector(_touches[i].Bytes, _touches[i].Start), damage), Start = 0 };
            }
        }

        if (_dropped is not null && _dropped.TryGetValue(index, out var dropped))
        {
            _dropped[index] = new Sector(Damaged(dropped, damage), 0);
        }

        _sectors[index] = new Sector(Damaged(sector, damage), 0, sector.Touch);
    }

    private byte[] Damaged(Sector sector, Action<byte[]> damage)
    {
        var bytes = new byte[sectorBytes];
        sector.CopyTo(0, bytes);
        damage(bytes);
        return bytes;
    }

    private void Settle(int index, Luck luck, int end, DiskRandom random)
    {
        var position = _sectors[index].Touch;
        var newest = _touches[position];
        var survivor = newest;
        var depth = Choose(newest.Depth, luck, random);
        while (survivor.Depth > depth || (survivor.Depth > 0 && position >= end))
        {
            position = survivor.Previous;
            survivor = _touches[position];
        }

        if (survivor.Depth < newest.Depth)
        {
            _sectors[index] = new Sector(survivor.Bytes, survivor.Start);
        }
    }

    private long LengthAfter(int touches)
    {
        var changes = _lengths.Count;
        while (changes > 0 && _lengths[changes - 1].Touches > touches)
        {
            changes--;
        }

        return changes > 0 ? _lengths[changes - 1].To : _lengths.Count > 0 ? _lengths[0].From : Length;
    }

    private long SettleLength(DiskRandom random)
    {
        if (_lengths.Count == 0)
        {
            return Length;
        }

        var survivor = Choose(_lengths.Count, AnyLuck(random), random);
        if (survivor == 0)
        {
            return _lengths[0].From;
        }

        var change = _lengths[survivor - 1];
        var firstBetween = (change.From / sectorBytes) + 1;
        var between = ((change.To - 1) / sectorBytes) - firstBetween + 1;
        return change.IsTorn && between > 0 && random.OneIn(2) ? (firstBetween + random.Below(between)) * sectorBytes : change.To;
    }

    private static Luck AnyLuck(DiskRandom random) => (Luck)random.Below((int)Luck.InOrder + 1);

    /// <summary>Which of the states survives: 0 is the synced one, the last is the newest.</summary>
    private static int Choose(int last, Luck luck, DiskRandom random) => luck switch
    {
        Luck.Nothing => 0,
        Luck.Everything or Luck.InOrder => last,
        Luck.Most when !random.OneIn(8) => last,
        Luck.Little when !random.OneIn(8) => 0,
        _ => random.Below(last + 1),
    };

    // Behind the end there is nothing, so that the file reads as zeros where it grows again.
    private void CutSectors()
    {
        var (index, within) = Locate(Length);
        if (within > 0)
        {
            var sector = _sectors[index];
            if (!sector.IsBlank)
            {
                var bytes = new byte[sectorBytes];
                sector.CopyTo(0, bytes.AsSpan(0, within));
                _sectors[index] = new Sector(bytes, 0);
            }

            index++;
        }

        _sectors.CutAt(index);
    }
}
