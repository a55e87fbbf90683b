# What a seat costs on a day.
class Price < ApplicationRecord
  belongs_to :venue
  monetize :cents

  def self.for(seat, on:)
    list = where(venue: seat.venue, category: seat.category)
    list.find { |price| price.covers?(on) } || seat.venue.default_price
  end

  def covers?(day)
    (valid_from..valid_to).cover?(day.to_date) && weekdays.include?(day.wday)
  end

  def rounded
    Money.new((cents / 10.0).round * 10, currency)
  end
end
