using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>Joins what typed options say with the arguments that the caller has written out.</summary>
/// <param name="written">The caller's arguments.</param>
internal sealed class TypedArguments(FieldTable written)
{
    private readonly List<KeyValuePair<string, FieldValue>> _entries = [.. written];

    /// <summary>Adds a text; <c>null</c>: nothing is said.</summary>
    public TypedArguments Add(string name, string option, string? value) => value is null ? this : Add(name, option, FieldValue.From(value));

    /// <summary>Adds a truth value; <c>null</c>: nothing is said.</summary>
    public TypedArguments Add(string name, string option, bool? value) => value is { } said ? Add(name, option, FieldValue.From(said)) : this;

    /// <summary>Adds a number within its range; <c>null</c>: nothing is said.</summary>
    public TypedArguments Add(string name, string option, long? value, long min, long max = long.MaxValue)
    {
        if (value is not { } said)
        {
            return this;
        }

        if (said < min || said > max)
        {
            throw new ArgumentOutOfRangeException(option, said, max == long.MaxValue ? $"must be {min} or more" : $"must be {min} to {max}");
        }

        return Add(name, option, FieldValue.From(said));
    }

    /// <summary>Adds a time as milliseconds, a part of one as a whole one; <c>null</c>: nothing is said.</summary>
    public TypedArguments Add(string name, string option, TimeSpan? value, TimeSpan min)
    {
        if (value is not { } said)
        {
            return this;
        }

        if (said < min)
        {
            throw new ArgumentOutOfRangeException(option, said, $"must be {min.TotalMilliseconds:0} ms or more");
        }

        return Add(name, option, FieldValue.From((said.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond));
    }

    /// <summary>Everything together.</summary>
    /// <exception cref="ArgumentException">A limit of tables is exceeded.</exception>
    public FieldTable ToTable() => _entries.Count == written.Count ? written : FieldTable.Of((IEnumerable<KeyValuePair<string, FieldValue>>)_entries);

    /// <summary>Adds a value.</summary>
    public TypedArguments Add(string name, string option, FieldValue value)
    {
        if (!written.TryGetValue(name, out var other))
        {
            _entries.Add(new(name, value));
        }
        else if (other != value)
        {
            throw new ArgumentException($"Arguments say '{name}' is {other}, and {option} says it is {value}; leave one of them out", option);
        }

        return this;
    }
}
